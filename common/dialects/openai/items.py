"""Answers and streams of OpenAI's newer endpoints: typed events, `input_tokens`, `output_tokens`.

Source: https://platform.openai.com/docs/api-reference/responses-streaming; the audio and image
endpoints stream in the same manner. The last event carries the figures; there is no `[DONE]`.
"""

from typing import Any

import msgspec

from common.dialects.base import text_size, word
from common.dialects.bodies import loads
from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data
from common.dialects.openai.tokens import InputDetails, OutputDetails, tokens_of
from common.domain.usage import Tokens

_TERMINAL = frozenset(
    {
        "image_edit.completed",
        "image_generation.completed",
        "response.completed",
        "response.failed",
        "response.incomplete",
        "speech.audio.done",
        "transcript.text.done",
    }
)

# Statuses of a response that goes on.
UNFINISHED = frozenset({"queued", "in_progress"})
_SEARCH_CALL = b"web_search_call"


class Usage(msgspec.Struct):
    """The `usage` member. Transcriptions name their details in the singular."""

    input_tokens: int
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    input_token_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def tokens(self) -> Tokens:
        """In Relay's classes."""
        return tokens_of(
            self.input_tokens,
            self.output_tokens,
            self.input_tokens_details or self.input_token_details,
            self.output_tokens_details,
        )


class _Response(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: Any = None


class _Event(msgspec.Struct):
    type: str
    delta: Any = None
    response: _Response | None = None
    usage: msgspec.Raw = msgspec.Raw()
    item: msgspec.Raw = msgspec.Raw()


_usage_decoder = msgspec.json.Decoder(Usage)
_event_decoder = msgspec.json.Decoder(_Event)


def read_usage(raw: bytes) -> Tokens | None:
    """The figures; None when absent, null, or of another kind (whisper counts seconds)."""
    if not raw or raw == b"null":
        return None
    try:
        tokens = _usage_decoder.decode(raw).tokens()
    except msgspec.DecodeError:
        return None
    return tokens if tokens.is_plausible else None


def searches_in(items: bytes) -> int:
    """How many web searches a list of items, or one item, has that OpenAI bills.

    Of the tool's actions only `search` is (guide "Web search"); older ones do not say.
    """
    if _SEARCH_CALL not in items:
        return 0
    found = loads(items)
    return sum(
        1
        for item in (found if isinstance(found, list) else [found])
        if isinstance(item, dict)
        and item.get("type") == "web_search_call"
        and (not isinstance(action := item.get("action"), dict) or action.get("type") == "search")
    )


class ItemStreamCopy(EventStreamCopy):
    """See `common.dialects.base.StreamCopy`. Events go through as they are."""

    def __init__(self, *, stored: bool = False) -> None:
        super().__init__()
        self._stored = stored

    def _copied(self, event: bytes) -> bytes:
        self._read(event)
        return event

    def _read(self, event: bytes) -> None:
        data = event_data(event)
        if not data:
            return
        try:
            read = _event_decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return  # nothing that Relay understands: the caller may
        if isinstance(read.delta, str) and not read.type.startswith("speech."):
            self._output_bytes += text_size(read.delta)
        if read.response is not None:
            self.served_model = read.response.model or self.served_model
            self.service_tier = word(read.response.service_tier) or self.service_tier
            if self._stored:
                self.stored_id = read.response.id or self.stored_id
        if read.type == "response.output_item.done":
            self.searches += searches_in(bytes(read.item))
        if read.type == "error":
            self.saw_error = True
        elif read.type in _TERMINAL:
            self.saw_terminal = True
            usage = read.response.usage if read.response is not None else read.usage
            tokens = read_usage(bytes(usage))
            self.usage = [bytes(usage)]
            if tokens is not None:
                self.reported = tokens
                self.reported_complete = True
