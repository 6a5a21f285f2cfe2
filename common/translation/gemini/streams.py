"""Streams of `streamGenerateContent?alt=sse`, read and written: `data:` events, each an answer."""

from typing import Any

import msgspec

from common.dialects.events import EventCutter, event_data
from common.translation.conversation import (
    Begun,
    Conversation,
    Counts,
    Event,
    Failed,
    Finish,
    Finished,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.gemini.answers import (
    REASONS,
    Given,
    GivenPart,
    call_of,
    counts_of,
    decoder,
    finish_of,
    logprobs_of,
    response,
    thought_parts,
    usage_of,
)
from common.translation.gemini.request_writer import is_object, model_parts
from common.translation.gemini.signatures import NAME, thought_of

_KINDS = {
    "UNAVAILABLE": "overloaded",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "INVALID_ARGUMENT": "request",
}
_ERRORS = {
    "overloaded": (503, "UNAVAILABLE"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "server": (500, "INTERNAL"),
    "request": (400, "INVALID_ARGUMENT"),
}


class GenerateStreamReader:
    """See `common.translation.base.StreamReader`."""

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._begun = False
        self._ended = False
        self._calls = 0
        self._id = ""
        self._finish: Finish | None = None
        self._counts: Counts | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """See `StreamReader`."""
        events: list[Event] = []
        for event in self._cutter.feed(chunk):
            self._read(event, events)
        return events

    def end(self) -> list[Event]:
        """See `StreamReader`. The reason to finish may have come without figures."""
        events: list[Event] = []
        for event in (*self._cutter.end(), self._cutter.rest):
            self._read(event, events)
        if self._finish is not None and not self._ended:
            self._ended = True
            events.append(Finished(self._finish, counts=self._counts))
        return events

    def _read(self, event: bytes, events: list[Event]) -> None:
        data = event_data(event)
        if not data and event.lstrip().startswith(b"{"):
            data = event  # an error in mid-stream comes as plain lines
        if not data or self._ended:
            return
        given = decoder.decode(data)
        if given.error is not None:
            self._ended = True
            events.append(_failed(given.error))
            return
        if not self._begun:
            self._begun, self._id = True, given.response_id
            events.append(Begun(given.response_id, given.model_version))
        self._read_candidate(given, events)
        if given.usage_metadata is not None:
            self._counts = counts_of(given.usage_metadata)
            if self._finish is not None:
                self._ended = True
                events.append(Finished(self._finish, counts=self._counts))

    def _read_candidate(self, given: Given, events: list[Event]) -> None:
        for candidate in given.candidates or ():
            logprobs = candidate.logprobs_result
            read = logprobs.read() if logprobs is not None else ()
            for part in candidate.parts:
                read = self._read_part(part, read, events)
            if read:
                events.append(TextDelta("", read))
        if (reason := given.reason) is not None:
            self._finish = finish_of(reason, calls=bool(self._calls))

    def _read_part(
        self, part: GivenPart, logprobs: tuple[TokenLogprob, ...], events: list[Event]
    ) -> tuple[TokenLogprob, ...]:
        """Gives what of the probabilities has not been said yet."""
        call = call_of(part, self._id, self._calls)
        if call is not None:
            events.append(ToolCallBegun(self._calls, call.id, call.name, call.signature))
            events.append(ToolCallDelta(self._calls, call.arguments))
            self._calls += 1
            return logprobs
        if part.text is None:
            raise ValueError("an answer with parts that are neither text nor calls")
        if part.thought:
            events.append(ThinkingDelta(part.text, part.thought_signature, origin=NAME))
            return logprobs
        if part.text:
            events.append(TextDelta(part.text, logprobs))
            logprobs = ()
        if part.thought_signature is not None:
            events.append(ThinkingDelta(signature=part.thought_signature, origin=NAME))
        return logprobs


def _failed(error: Any) -> Failed:
    given = error if isinstance(error, dict) else {}
    message, status = given.get("message"), given.get("status")
    return Failed(
        message if isinstance(message, str) else "The provider ended the stream with an error",
        _KINDS.get(status, "server") if isinstance(status, str) else "server",  # type: ignore[arg-type]
    )


class GenerateStreamWriter:
    """See `common.translation.base.StreamWriter`. A call is written when it is whole."""

    def __init__(self, conversation: Conversation) -> None:
        thinking = conversation.thinking
        self._shown = thinking is not None and thinking.shown
        self._model = conversation.model
        self._id = ""
        self._counts: Counts | None = None
        self._call: ToolCallBegun | None = None
        self._arguments: list[str] = []
        self._hidden: list[str] = []
        self._failed = False

    def write(self, event: Event) -> bytes:
        """See `StreamWriter`."""
        if isinstance(event, Begun):
            self._id, self._counts = event.id, event.counts
            self._model = event.model or self._model
            return b""
        if isinstance(event, ToolCallDelta):
            self._arguments.append(event.arguments)
            return b""
        whole = self._whole_call(cut=isinstance(event, Finished) and event.finish == "length")
        if self._failed:
            return whole
        if isinstance(event, ToolCallBegun):
            self._call = event
            return whole
        if isinstance(event, TextDelta | RefusalDelta):
            return whole + self._text(event)
        if isinstance(event, ThinkingDelta):
            return whole + self._thought(event)
        if isinstance(event, Failed):
            return whole + self._error(event)
        return whole + self._finished(event)

    def _text(self, event: TextDelta | RefusalDelta) -> bytes:
        written = response([{"text": event.text}], self._id, self._model)
        if isinstance(event, TextDelta) and event.logprobs:
            written["candidates"][0]["logprobsResult"] = logprobs_of(event.logprobs)
        return _data(written)

    def _thought(self, event: ThinkingDelta) -> bytes:
        thought = thought_of(event)
        if not self._shown and event.text and event.origin != NAME:
            self._hidden.append(event.text)
        if not thought.text and thought.origin == NAME:
            parts = model_parts((thought,), "")
        else:
            if not self._shown and event.signature is not None:
                thought = msgspec.structs.replace(thought, text="".join(self._hidden))
                self._hidden.clear()
            parts = thought_parts(thought, shown=self._shown)
        return _data(response(parts, self._id, self._model)) if parts else b""

    def _whole_call(self, *, cut: bool) -> bytes:
        """The call that has ended; one that the cap cut off is none, and its end says why."""
        if self._call is None:
            return b""
        call, arguments = self._call, "".join(self._arguments)
        self._call, self._arguments = None, []
        if is_object(arguments):
            whole = ToolCall(call.id, call.name, arguments, call.signature)
            return _data(response(model_parts((whole,), ""), self._id, self._model))
        return b"" if cut else self._error(Failed(f"The call of {call.name!r} is no JSON object"))

    def _error(self, event: Failed) -> bytes:
        self._failed = True
        code, status = _ERRORS[event.kind]
        return _data({"error": {"code": code, "message": event.message, "status": status}})

    def _finished(self, event: Finished) -> bytes:
        # As Google's own last event has it; its SDK takes an answer without parts for a broken one.
        written = response([{"text": ""}], self._id, self._model)
        written["candidates"][0]["finishReason"] = REASONS[event.finish]
        counts = event.counts or self._counts
        if counts is not None:
            written["usageMetadata"] = usage_of(counts)
        return _data(written)


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
