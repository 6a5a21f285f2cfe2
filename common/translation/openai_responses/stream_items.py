"""The items of a streamed response, each with the events of its beginning, deltas and end."""

from typing import Any

import msgspec

from common.translation.conversation import (
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallBegun,
)
from common.translation.openai_responses import answer_writer as write
from common.translation.openai_responses.items import sealed_for_caller

_PREFIX = "response."


class EventLine:
    """Writes events, numbered from 0 as the API does."""

    def __init__(self) -> None:
        self._next = 0

    def write(self, name: str, members: dict[str, Any]) -> bytes:
        """One event; a response's own have `response.` before their name."""
        data = {"type": name, **members, "sequence_number": self._next}
        self._next += 1
        return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


class OpenItem:
    """An item that more may come of: `at` is its place in the output."""

    def __init__(self, line: EventLine, item_id: str, at: int) -> None:
        self._line = line
        self._id = item_id
        self._at = at

    def begin(self) -> bytes:
        """The events before its first delta."""
        return self._whole("output_item.added", self._item(None))

    def end(self, status: str) -> tuple[bytes, write.Item]:
        """The events after its last delta, and the item as the response is to have it."""
        closed = self._close_part()
        item = self._item(status)
        return closed + self._whole("output_item.done", item), item

    def _item(self, status: str | None) -> write.Item:
        """The item as it is by now; `status` is None at its beginning."""
        raise NotImplementedError

    def _close_part(self) -> bytes:
        return b""

    def _whole(self, name: str, item: write.Item) -> bytes:
        return self._line.write(_PREFIX + name, {"output_index": self._at, "item": item})

    def _say(self, name: str, members: dict[str, Any]) -> bytes:
        named = {"item_id": self._id, "output_index": self._at, **members}
        return self._line.write(_PREFIX + name, named)


class OpenMessage(OpenItem):
    """Texts and refusals."""

    def __init__(self, line: EventLine, item_id: str, at: int) -> None:
        super().__init__(line, item_id, at)
        self._content: list[write.Item] = []
        self._kind: str | None = None  # of the part that is open
        self._texts: list[str] = []
        self._logprobs: list[write.Item] = []

    def add(self, delta: TextDelta | RefusalDelta) -> bytes:
        """The events of more text."""
        kind = "output_text" if isinstance(delta, TextDelta) else "refusal"
        before = b""
        if kind != self._kind:
            before = self._close_part()
            self._kind = kind
            before += self._say_part("content_part.added", self._part())
        self._texts.append(delta.text)
        members: dict[str, Any] = {"content_index": len(self._content), "delta": delta.text}
        if isinstance(delta, TextDelta):
            logprobs = [write.logprob_of(token) for token in delta.logprobs]
            self._logprobs += logprobs
            members["logprobs"] = logprobs
        return before + self._say(f"{kind}.delta", members)

    def _part(self) -> write.Item:
        text = "".join(self._texts)
        if self._kind == "refusal":
            return write.refusal_content(text)
        return write.text_content(text, list(self._logprobs))

    def _close_part(self) -> bytes:
        if self._kind is None:
            return b""
        part = self._part()
        at = {"content_index": len(self._content)}
        if self._kind == "refusal":
            said = self._say("refusal.done", at | {"refusal": part["refusal"]})
        else:
            done = {"text": part["text"], "logprobs": part["logprobs"]}
            said = self._say("output_text.done", at | done)
        said += self._say_part("content_part.done", part)
        self._content.append(part)
        self._kind, self._texts, self._logprobs = None, [], []
        return said

    def _say_part(self, name: str, part: write.Item) -> bytes:
        return self._say(name, {"content_index": len(self._content), "part": part})

    def _item(self, status: str | None) -> write.Item:
        if status is None:
            return write.message_item(self._id, [], "in_progress")
        return write.message_item(self._id, self._content, status)


class OpenThought(OpenItem):
    """A thought: what is shown of it is the one part of its summary."""

    def __init__(self, line: EventLine, item_id: str, at: int) -> None:
        super().__init__(line, item_id, at)
        self._texts: list[str] = []
        self._seal: str | None = None

    @property
    def is_sealed(self) -> bool:
        """Whether nothing more belongs to it."""
        return self._seal is not None

    def add(self, delta: ThinkingDelta) -> bytes:
        """The events of more of it; what seals it is told at its end."""
        self._seal = sealed_for_caller(delta.signature, delta.redacted, delta.origin)
        return self._add_text(delta.text) if delta.text else b""

    def seal(self, encrypted: str) -> None:
        """Give it what it is to come back with."""
        self._seal = encrypted

    def _add_text(self, text: str) -> bytes:
        at = {"summary_index": 0}
        before = b""
        if not self._texts:
            part = {"part": write.summary_part("")}
            before = self._say("reasoning_summary_part.added", at | part)
        self._texts.append(text)
        return before + self._say("reasoning_summary_text.delta", at | {"delta": text})

    def _close_part(self) -> bytes:
        if not self._texts:
            return b""
        at, text = {"summary_index": 0}, "".join(self._texts)
        said = self._say("reasoning_summary_text.done", at | {"text": text})
        part = {"part": write.summary_part(text)}
        return said + self._say("reasoning_summary_part.done", at | part)

    def _item(self, status: str | None) -> write.Item:
        del status
        return write.reasoning_item(self._id, "".join(self._texts), self._seal)


class OpenCall(OpenItem):
    """A call, of which the arguments stream."""

    def __init__(self, line: EventLine, item_id: str, at: int, begun: ToolCallBegun) -> None:
        super().__init__(line, item_id, at)
        self._begun = begun
        self._arguments: list[str] = []

    def add(self, arguments: str) -> bytes:
        """The event of more arguments."""
        self._arguments.append(arguments)
        return self._say("function_call_arguments.delta", {"delta": arguments})

    def _close_part(self) -> bytes:
        done = {"arguments": "".join(self._arguments), "name": self._begun.name}
        return self._say("function_call_arguments.done", done)

    def _item(self, status: str | None) -> write.Item:
        call = ToolCall(self._begun.id, self._begun.name, "".join(self._arguments))
        return write.call_item(self._id, call, status or "in_progress")
