"""POST /v1/images/generations, /edits and /variations."""

import msgspec

from common.dialects.base import JSON, ParsedRequest, StreamCopy, WholeAnswer, estimate_tokens
from common.dialects.bodies import check_model, check_positive, decoded, read_fields
from common.dialects.openai.form import FormOperation
from common.dialects.openai.items import ItemStreamCopy, read_usage
from common.dialects.openai.whole import WholeOperation

# What the API takes when no model is named.
DEFAULT_MODEL = "dall-e-2"


class _Request(msgspec.Struct):
    prompt: str
    model: str | None = None
    n: int | None = None
    stream: bool | None = None


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]
    usage: msgspec.Raw = msgspec.Raw()


_request_decoder = msgspec.json.Decoder(_Request)
_answer_decoder = msgspec.json.Decoder(_Answer)


def read_images(body: bytes) -> WholeAnswer | None:
    """Images; the older models report no usage."""
    answer = decoded(_answer_decoder, body)
    if answer is None:
        return None
    usage = bytes(answer.usage)
    return WholeAnswer(read_usage(usage), None, 0, usage=usage)


class ImageGenerations(WholeOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _request_decoder)
        model = DEFAULT_MODEL if given.model is None else given.model
        check_model(model)
        check_positive(given.n, "n")
        return ParsedRequest(
            model=model,
            stream=bool(given.stream),
            choices=given.n or 1,
            input_estimate=estimate_tokens(len(given.prompt.encode())),
        )

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        return read_images(body)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed
        return ItemStreamCopy()


class ImageEdits(FormOperation):
    """See `common.dialects.base.Operation`."""

    file_fields = ("image", "image[]")
    default_model = DEFAULT_MODEL

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        return read_images(body)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed
        return ItemStreamCopy()
