"""Whole answers of OpenAI's chat, and what answers and streams have in common.

Source: openai.types.chat.ChatCompletion and CompletionUsage of openai-python. `reasoning_content`
is how compatible servers show thoughts (DeepSeek, vLLM, SGLang), `reasoning` how others do
(OpenRouter, Groq).
"""

from typing import Any

import msgspec

from common.translation.conversation import (
    Answer,
    CannotExpress,
    Conversation,
    Counts,
    Finish,
    Part,
    Refused,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from common.translation.openai_chat.request_reader import NAME

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_REASONS: dict[Finish, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "content_filter": "content_filter",
}


class Details(msgspec.Struct):
    """What of the tokens was cached, or thought."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    """Input includes what a cache read or wrote."""

    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None

    def counts(self) -> Counts:
        """In the classes of a conversation."""
        given = self.prompt_tokens_details or Details()
        made = self.completion_tokens_details or Details()
        read, written = given.cached_tokens or 0, given.cache_write_tokens or 0
        return Counts(
            input=max(0, self.prompt_tokens - read - written),
            output=self.completion_tokens or 0,
            cache_read=read,
            cache_write=written,
            reasoning=made.reasoning_tokens or 0,
        )


class Logprob(msgspec.Struct):
    """See `TokenLogprob`."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["Logprob"] | None = None

    def read(self) -> TokenLogprob:
        """As a conversation has it."""
        top = tuple(one.read() for one in self.top_logprobs or ())
        given = None if self.bytes is None else tuple(self.bytes)
        return TokenLogprob(self.token, self.logprob, given, top)


class Logprobs(msgspec.Struct):
    """Of the text, and of a refusal, which no other format has."""

    content: list[Logprob] | None = None

    def read(self) -> tuple[TokenLogprob, ...]:
        """As a conversation has them."""
        return tuple(one.read() for one in self.content or ())


class Function(msgspec.Struct):
    """A called function, or a part of its name and arguments."""

    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct):
    """A call, or a part of it; `type` is another for tools that are not translated."""

    id: str | None = None
    index: int | None = None
    type: str | None = None
    function: Function | None = None
    extra_content: Any = None

    @property
    def signature(self) -> str | None:
        """The thought's signature that Google's compatible API adds."""
        extra = self.extra_content if isinstance(self.extra_content, dict) else {}
        google = extra.get("google")
        signature = google.get("thought_signature") if isinstance(google, dict) else None
        return signature if isinstance(signature, str) else None


class Said(msgspec.Struct):
    """A message or a delta."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None

    @property
    def thought(self) -> str:
        """By the one name or the other; some servers send both."""
        return self.reasoning_content or self.reasoning or ""


class _Choice(msgspec.Struct):
    message: Said
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    id: str = ""
    model: str = ""
    created: int = 0
    usage: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Answer, strict=False)
_usage_decoder = msgspec.json.Decoder(Usage)


def read_counts(usage: msgspec.Raw) -> Counts | None:
    """The figures; None when they are absent, null or misshapen, which breaks no answer."""
    try:
        return _usage_decoder.decode(usage).counts()
    except (ValueError, RecursionError):
        return None


def finish_of(reason: str | None, *, calls: bool, refused: bool) -> Finish:
    """Why it ended; some servers say `stop` after tool calls, and OpenAI does after a refusal."""
    finish = _FINISHES.get(reason or "stop", "stop")
    if finish == "stop" and calls:
        return "tool_calls"
    return "refusal" if finish == "stop" and refused else finish


def reason_of(finish: Finish, *, refused: bool) -> str:
    """Why it ended, for a caller; a refusal in words ends as OpenAI's own does."""
    return "stop" if finish == "refusal" and refused else _REASONS[finish]


def read_answer(body: bytes) -> Answer:
    """A chat completion. Raises `ValueError`."""
    answer = _decoder.decode(body)
    if not answer.choices:
        raise ValueError("a chat completion without choices")
    choice = answer.choices[0]
    said = choice.message
    parts: list[Part] = [Thinking(said.thought, origin=NAME)] if said.thought else []
    if said.content:
        parts.append(Text(said.content))
    if said.refusal:
        parts.append(Refused(said.refusal))
    for index, call in enumerate(said.tool_calls or ()):
        if call.function is None or not call.function.name:
            raise ValueError(f"a tool call of the type {call.type!r}")
        function = call.function
        parts.append(
            ToolCall(
                call.id or f"call_{index}",
                function.name or "",
                function.arguments or "{}",
                call.signature,
            )
        )
    finish = finish_of(
        choice.finish_reason, calls=bool(said.tool_calls), refused=bool(said.refusal)
    )
    return Answer(
        id=answer.id,
        model=answer.model,
        parts=tuple(parts),
        finish=finish,
        counts=read_counts(answer.usage),
        logprobs=choice.logprobs.read() if choice.logprobs is not None else (),
        created_s=answer.created,
    )


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    """A chat completion. Raises `CannotExpress` for what only other formats answer."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls = []
    texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
    for part in answer.parts:
        if isinstance(part, Text):
            texts["content"].append(part.text)
        elif isinstance(part, Refused):
            texts["refusal"].append(part.text)
        elif isinstance(part, Thinking):
            texts["reasoning_content"].append(part.text)
        elif isinstance(part, ToolCall):
            function = {"name": part.name, "arguments": part.arguments or "{}"}
            call = {"id": part.id, "type": "function", "function": function}
            calls.append(call | extra_of(part.signature))
        else:
            raise CannotExpress("parts", f"a chat completion has no {type(part).__name__}")
    message |= {name: "".join(said) for name, said in texts.items() if any(said)}
    if calls:
        message["tool_calls"] = calls
    refused = message["refusal"] is not None
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": logprobs_of(answer.logprobs),
        "finish_reason": reason_of(answer.finish, refused=refused),
    }
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created_s,
        "model": answer.model or conversation.model,
        "choices": [choice],
    }
    if answer.counts is not None:
        body["usage"] = usage_of(answer.counts)
    return msgspec.json.encode(body)


def extra_of(signature: str | None) -> dict[str, Any]:
    """A thought's signature on a call, where Google's compatible API has it."""
    if signature is None:
        return {}
    return {"extra_content": {"google": {"thought_signature": signature}}}


def logprobs_of(logprobs: tuple[TokenLogprob, ...]) -> dict[str, Any] | None:
    """As a choice has them."""
    if not logprobs:
        return None
    content = []
    for one in logprobs:
        top = [{"token": t.token, "logprob": t.logprob, "bytes": t.bytes} for t in one.top]
        content.append(
            {"token": one.token, "logprob": one.logprob, "bytes": one.bytes, "top_logprobs": top}
        )
    return {"content": content, "refusal": None}


def usage_of(counts: Counts) -> dict[str, Any]:
    """The figures for a caller: what a cache read or wrote is in the prompt."""
    prompt = counts.input + counts.cache_read + counts.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": counts.output,
        "total_tokens": prompt + counts.output,
        "prompt_tokens_details": {
            "cached_tokens": counts.cache_read,
            "cache_write_tokens": counts.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
    }
