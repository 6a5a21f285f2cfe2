"""A provider's stream of a response, as the conversation's events."""

from typing import Any

import msgspec

from common.dialects.events import EventCutter, event_data
from common.translation.conversation import (
    Begun,
    Event,
    Failed,
    Finished,
    RefusalDelta,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.openai_responses.items import PARAGRAPH, thought_in
from common.translation.openai_responses.wire import Error, Item, Logprob, Response, decoded

_ERRORS: dict[str, Any] = {
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "rate_limited",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "server_error": "server",
    "vector_store_timeout": "server",
}


class _Data(msgspec.Struct):
    """An event; each type of them has some of these members."""

    type: str = ""
    delta: str = ""
    logprobs: list[Logprob] | None = None
    output_index: int = 0
    summary_index: int = 0
    item: Item | None = None
    response: Response | None = None
    error: Error | None = None
    message: str = ""
    code: Any = None


_decoder = msgspec.json.Decoder(_Data)


class ResponseStreamReader:
    """See `common.translation.base.StreamReader`. What comes after the end is not read."""

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._begun = False
        self._ended = False
        self._calls: dict[int, int] = {}  # a call's number by its place in the output
        self._told: set[int] = set()  # places of items of which something has streamed
        self._refused = False
        self._call_signature: str | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """See `StreamReader`."""
        return [event for cut in self._cutter.feed(chunk) for event in self._read(cut)]

    def end(self) -> list[Event]:
        """See `StreamReader`."""
        events = [event for cut in self._cutter.end() for event in self._read(cut)]
        try:
            return events + self._read(self._cutter.rest)
        except ValueError:
            return events  # the beginning of an event whose end has not come

    def _read(self, event: bytes) -> list[Event]:
        data = event_data(event)
        if not data or self._ended or data == b"[DONE]":
            return []
        read = decoded(data, _decoder)
        events: list[Event] = []
        if read.response is not None and not self._begun:
            self._begun = True
            response = read.response
            created_s = int(response.created_at)
            events.append(Begun(response.id, response.model, response.counts(), created_s))
        events += self._read_delta(read) if read.type.endswith(".delta") else self._read_step(read)
        return events

    def _read_delta(self, data: _Data) -> list[Event]:
        self._told.add(data.output_index)
        match data.type:
            case "response.output_text.delta":
                logprobs = tuple([token.read() for token in data.logprobs or ()])
                return [TextDelta(data.delta, logprobs)]
            case "response.function_call_arguments.delta":
                call = self._calls.get(data.output_index)
                if call is None:
                    raise ValueError("the provider streamed arguments of a call that has not begun")
                return [ToolCallDelta(call, data.delta)]
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return [ThinkingDelta(data.delta)]
            case "response.refusal.delta":
                self._refused = True
                return [RefusalDelta(data.delta)]
        return []

    def _read_step(self, data: _Data) -> list[Event]:
        match data.type:
            case "response.output_item.added" if data.item is not None:
                return self._begin_item(data.output_index, data.item)
            case "response.output_item.done" if data.item is not None:
                return self._end_item(data.output_index, data.item)
            case "response.reasoning_summary_part.added" if data.summary_index:
                return [ThinkingDelta(PARAGRAPH)]
            case "response.completed" | "response.incomplete" if data.response is not None:
                self._ended = True
                called = bool(self._calls)
                finish = data.response.finish(called=called, refused=self._refused)
                return [Finished(finish, counts=data.response.counts())]
            case "response.failed":
                return self._fail((data.response and data.response.error) or Error())
            case "error":
                return self._fail(data.error or Error(data.message, data.code))
        return []

    def _begin_item(self, at: int, item: Item) -> list[Event]:
        if item.type != "function_call":
            return []
        call = self._calls[at] = len(self._calls)
        signature, self._call_signature = self._call_signature, None
        events: list[Event] = [ToolCallBegun(call, item.call_id, item.name, signature)]
        if item.arguments:
            self._told.add(at)
            events.append(ToolCallDelta(call, item.arguments))
        return events

    def _end_item(self, at: int, item: Item) -> list[Event]:
        """What of an item is known at its end only: all of it where no deltas are streamed."""
        silent = at not in self._told
        if item.type == "reasoning":
            return self._end_thought(item, silent=silent)
        if not silent:
            return []
        if item.type == "function_call":
            events = [] if at in self._calls else self._begin_item(at, item)
            if item.arguments and at not in self._told:
                events.append(ToolCallDelta(self._calls[at], item.arguments))
            return events
        return [event for content in item.content or () for event in self._whole(content)]

    def _whole(self, content: Any) -> list[Event]:
        if content.type == "output_text" and content.text:
            logprobs = tuple([token.read() for token in content.logprobs or ()])
            return [TextDelta(content.text, logprobs)]
        if content.type == "refusal":
            self._refused = True
            return [RefusalDelta(content.refusal)]
        return []

    def _end_thought(self, item: Item, *, silent: bool) -> list[Event]:
        texts = [part.text for part in item.summary or item.content or ()] if silent else []
        thought = thought_in(PARAGRAPH.join(texts), item.id, item.encrypted_content)
        if not isinstance(thought, Thinking):
            self._call_signature = thought.value
            return []
        if thought == Thinking():
            return []
        return [ThinkingDelta(thought.text, thought.signature, thought.redacted, thought.origin)]

    def _fail(self, error: Error) -> list[Event]:
        self._ended = True
        code = error.code if isinstance(error.code, str) else ""
        kind = _ERRORS.get(code, "server" if not code else "request")
        return [Failed(error.message or "the provider's response has failed", kind)]
