"""POST /v1/audio/speech, /transcriptions and /translations."""

import msgspec

from common.dialects.base import JSON, ParsedRequest, StreamCopy, WholeAnswer, estimate_tokens
from common.dialects.bodies import check_model, decoded, read_fields
from common.dialects.openai.form import FormOperation
from common.dialects.openai.items import ItemStreamCopy, read_usage
from common.dialects.openai.whole import ModelOnly, WholeOperation

# What a transcription is answered as besides JSON.
_TEXTS = ("text/plain", "text/vtt", "application/x-subrip", "text/srt")


class _Speech(ModelOnly):
    input: str
    stream_format: str | None = None


class _Transcription(msgspec.Struct):
    text: str
    usage: msgspec.Raw = msgspec.Raw()


_speech_decoder = msgspec.json.Decoder(_Speech)
_transcription_decoder = msgspec.json.Decoder(_Transcription)


class Speech(WholeOperation):
    """See `common.dialects.base.Operation`. The answer is audio, passed on as it arrives."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _speech_decoder)
        check_model(given.model)
        return ParsedRequest(
            model=given.model,
            stream=given.stream_format == "sse",
            input_estimate=estimate_tokens(len(given.input.encode())),
        )

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. Audio says nothing of what it used."""
        del body
        if not content_type.startswith(("audio/", "application/octet-stream")):
            return None
        return WholeAnswer(None, None, 0)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed
        return ItemStreamCopy()


class Transcriptions(FormOperation):
    """See `common.dialects.base.Operation`."""

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. whisper counts seconds, which the ledger has no class for."""
        if content_type.startswith(_TEXTS):
            return WholeAnswer(None, None, estimate_tokens(len(body)))
        answer = decoded(_transcription_decoder, body)
        if answer is None:
            return None
        size = estimate_tokens(len(answer.text.encode()))
        usage = bytes(answer.usage)
        return WholeAnswer(read_usage(usage), None, size, usage=usage)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed
        return ItemStreamCopy()
