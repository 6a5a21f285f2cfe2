"""What a provider of the Responses API answers: the members that translation reads."""

from typing import Any, TypeVar

import msgspec

from common.translation.conversation import Counts, Finish, TokenLogprob

Wire = TypeVar("Wire")


class Logprob(msgspec.Struct):
    """A token of a text. Streams leave the bytes out."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["Logprob"] | None = None

    def read(self) -> TokenLogprob:
        """In the conversation's form."""
        top = tuple([other.read() for other in self.top_logprobs or ()])
        return TokenLogprob(
            self.token, self.logprob, None if self.bytes is None else tuple(self.bytes), top
        )


class Content(msgspec.Struct):
    """A part of a message, of a summary or of a thought."""

    type: str
    text: str = ""
    refusal: str = ""
    logprobs: list[Logprob] | None = None


class Item(msgspec.Struct):
    """An item of the output."""

    type: str
    id: str | None = None
    content: list[Content] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    """The figures; input includes what a cache read or took."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def counts(self) -> Counts:
        """In the conversation's classes; none is ever negative."""
        details = self.input_tokens_details or _InputDetails()
        read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        reasoning = (self.output_tokens_details or _OutputDetails()).reasoning_tokens or 0
        return Counts(
            input=max(0, self.input_tokens - read - written),
            output=self.output_tokens,
            cache_read=read,
            cache_write=written,
            reasoning=reasoning,
        )


class Error(msgspec.Struct):
    """Why a response failed. `code` is a word of the API."""

    message: str = ""
    code: Any = None
    type: Any = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class Response(msgspec.Struct):
    """A response, whole or so far."""

    id: str = ""
    object: str = "response"
    created_at: float = 0
    model: str = ""
    status: str | None = None
    error: Error | None = None
    incomplete_details: _Incomplete | None = None
    output: list[Item] | None = None
    usage: Usage | None = None

    def counts(self) -> Counts | None:
        """The figures, if it has them by now."""
        return None if self.usage is None else self.usage.counts()

    def finish(self, *, called: bool, refused: bool) -> Finish:
        """Why it ended: `called` and `refused` say what its output holds."""
        if self.status == "incomplete":
            reason = self.incomplete_details.reason if self.incomplete_details else None
            return "content_filter" if reason == "content_filter" else "length"
        if called:
            return "tool_calls"
        return "refusal" if refused else "stop"


def decoded(raw: bytes, decoder: "msgspec.json.Decoder[Wire]") -> Wire:
    """A provider's JSON. Raises `ValueError` for what is no such JSON."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"the provider's answer is not of its API: {error}") from None
