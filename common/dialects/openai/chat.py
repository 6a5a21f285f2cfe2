"""POST /v1/chat/completions: what routing and metering read, and what Relay changes."""

from typing import Any

import msgspec

from common.dialects.base import JSON, ParsedRequest, StreamCopy, WholeAnswer
from common.dialects.bodies import check_members, check_model, check_positive, read_fields
from common.dialects.json_operation import JsonOperation
from common.dialects.openai.answers import read_answer
from common.dialects.openai.errors import stream_error_event
from common.dialects.openai.stream import ChatStreamCopy
from common.dialects.openai.tokens import asked_tier
from common.dialects.spans import set_member
from common.domain.refusals import Refusal

CHOICES_MAX = 128
_INCLUDE_USAGE = b'{"include_usage":true}'


class _Turn(msgspec.Struct):
    role: str


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Turn]
    stream: bool | None = None
    stream_options: msgspec.Raw = msgspec.Raw()
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    service_tier: Any = None


_chat_decoder = msgspec.json.Decoder(_Chat)


class _OptionsOnly(msgspec.Struct):
    stream_options: _StreamOptions | None = None


_options_decoder = msgspec.json.Decoder(_OptionsOnly)


class ChatCompletions(JsonOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        chat = read_fields(body, _chat_decoder)
        check_model(chat.model)
        check_positive(chat.n, "n")
        check_positive(chat.max_tokens, "max_tokens")
        check_positive(chat.max_completion_tokens, "max_completion_tokens")
        stream_options = bytes(chat.stream_options)
        cap = chat.max_completion_tokens
        return ParsedRequest(
            model=chat.model,
            stream=bool(chat.stream),
            max_output_tokens=chat.max_tokens if cap is None else cap,
            choices=min(chat.n or 1, CHOICES_MAX),
            include_usage=asks_for_usage(stream_options),
            stream_options=stream_options or None,
            service_tier=asked_tier(chat.service_tier),
        )

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Ask for usage figures in streams, and name the account's own model."""
        if parsed.stream and not parsed.include_usage:
            body = set_member(body, "stream_options", _with_usage(parsed.stream_options))
        return super().prepare_request(body, parsed, served_model, content_type)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        return read_answer(body)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        return ChatStreamCopy(keep_usage=parsed.include_usage)

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)


def asks_for_usage(stream_options: bytes) -> bool:
    """Whether `stream_options` asks for figures. Raises `BadRequest`."""
    if not stream_options:
        return False
    alone = b'{"stream_options":' + stream_options + b"}"
    options = read_fields(alone, _options_decoder).stream_options
    if options is not None:
        check_members(stream_options, _StreamOptions.__struct_encode_fields__)
    return bool(options is not None and options.include_usage)


def _with_usage(stream_options: bytes | None) -> bytes:
    if stream_options is None or stream_options == b"null":
        return _INCLUDE_USAGE
    return set_member(stream_options, "include_usage", b"true")
