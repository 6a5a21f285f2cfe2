"""Converse: what its answers and the events of its stream say of what was used.

`inputTokens` excludes what a cache served or took; `cacheDetails` splits the writes by lifetime
(TokenUsage and https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
"""

from typing import Any

import msgspec

from common.dialects.base import (
    JSON,
    BadRequest,
    ParsedRequest,
    StreamCopy,
    WholeAnswer,
    estimate_tokens,
    text_size,
    word,
)
from common.dialects.bodies import decoded
from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data
from common.dialects.json_operation import JsonOperation
from common.domain.refusals import Refusal
from common.domain.usage import Tokens

_LONG = "1h"


class _CacheDetail(msgspec.Struct, rename="camel"):
    ttl: str
    input_tokens: int


class Usage(msgspec.Struct, rename="camel"):
    """`usage` of an answer or of the stream's `metadata`."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[_CacheDetail] | None = None

    def tokens(self) -> Tokens:
        """In Relay's classes; what no detail calls long was written for the shorter time."""
        written = max(0, self.cache_write_input_tokens or 0)
        long = sum(one.input_tokens for one in self.cache_details or () if one.ttl == _LONG)
        long = min(max(0, long), written)
        return Tokens(
            input=max(0, self.input_tokens),
            output=max(0, self.output_tokens),
            cache_read=max(0, self.cache_read_input_tokens or 0),
            cache_write_5m=written - long,
            cache_write_1h=long,
        )


class _Tier(msgspec.Struct):
    type: Any = None


class _Message(msgspec.Struct):
    content: list[msgspec.Raw]


class _Output(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: str
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: _Tier | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: _Tier | None = None


class _Delta(msgspec.Struct):
    delta: dict[str, Any] | None = None


_usage_decoder = msgspec.json.Decoder(Usage)
_answer_decoder = msgspec.json.Decoder(_Answer)
_metadata_decoder = msgspec.json.Decoder(_Metadata)
_delta_decoder = msgspec.json.Decoder(_Delta)


def event_name(event: bytes) -> bytes:
    """The `event` line of an event as Relay's framing writes it; empty where there is none."""
    line = event.partition(b"\n")[0]
    return line[6:].strip() if line.startswith(b"event:") else b""


def read_usage(raw: bytes) -> Usage | None:
    """A `usage` member; None when it is absent, null or misshapen."""
    if not raw or raw == b"null":
        return None
    try:
        usage = _usage_decoder.decode(raw)
    except msgspec.DecodeError:
        return None
    return usage if usage.tokens().is_plausible else None


class Converse(JsonOperation):
    """See `common.dialects.base.Operation`. Only its answers are read: no caller speaks it."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del body, content_type
        raise BadRequest("Converse is not served to callers")

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        raw = bytes(answer.usage)
        usage = read_usage(raw)
        size = sum(len(bytes(block)) for block in answer.output.message.content)
        return WholeAnswer(
            usage.tokens() if usage is not None else None,
            None,
            estimate_tokens(size),
            service_tier=_tier(answer.service_tier),
            usage=raw,
        )

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed  # its streams always carry usage figures
        return ConverseStreamCopy()

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`. The caller's own dialect ends the caller's stream."""
        del request_id
        message = msgspec.json.encode({"message": refusal.message})
        return b"event: internalServerException\ndata: " + message + b"\n\n"


class ConverseStreamCopy(EventStreamCopy):
    """See `common.dialects.base.StreamCopy`. Events go through as they are."""

    def _copied(self, event: bytes) -> bytes:
        name = event_name(event)
        if name == b"contentBlockDelta":
            self._count(event_data(event))
        elif name == b"messageStop":
            self.saw_terminal = True
        elif name == b"metadata":
            self._take(event_data(event))
        elif name.endswith((b"Exception", b"Error")):
            self.saw_error = True
        return event

    def _count(self, data: bytes) -> None:
        try:
            delta = _delta_decoder.decode(data).delta or {}
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        for value in (delta, delta.get("toolUse"), delta.get("reasoningContent")):
            for name in ("text", "input"):
                if isinstance(value, dict) and isinstance(text := value.get(name), str):
                    self._output_bytes += text_size(text)

    def _take(self, data: bytes) -> None:
        try:
            metadata = _metadata_decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        raw = bytes(metadata.usage)
        usage = read_usage(raw)
        if usage is None:
            return
        self.reported = usage.tokens()
        self.reported_complete = True
        self.usage = [raw]
        self.service_tier = _tier(metadata.service_tier) or self.service_tier


def _tier(tier: _Tier | None) -> str | None:
    return word(tier.type) if tier is not None else None
