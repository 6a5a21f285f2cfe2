"""Where text stands in the streams of each dialect, and where its blocks end.

Thoughts are signed, or ids of what the provider keeps: they are in no block and pass untouched.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from common.redaction.shapes import ANSWERS, GEMINI_EVENTS, Shape
from common.redaction.streams import Block, Event, Slot, StreamForm, made

_CHAT_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


class ChatStream:
    """`chat.completion.chunk`: texts by choice, arguments by choice and call."""

    def slots(self, event: Event) -> list[Slot]:
        """See `StreamForm`."""
        return [slot for index, one in _items(event, "choices") for slot in self._of(index, one)]

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """See `StreamForm`."""
        if event.get("error"):
            return _each(open_)
        over = {
            index for index, one in _items(event, "choices") if one.get("finish_reason") is not None
        }
        return _each(block for block in open_ if block[1] in over) if over else []

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """See `StreamForm`."""
        name, index, call = block
        delta: dict[str, Any] = {name: text}
        if name in ("function", "custom"):
            member = "arguments" if name == "function" else "input"
            delta = {"tool_calls": [{"index": call, name: {member: text}}]}
        elif name == "function_call":
            delta = {name: {"arguments": text}}
        return _choice(like, {"index": index, "delta": delta, "finish_reason": None})

    def rest(self, event: Event) -> Shape | None:
        """See `StreamForm`. All that is text comes in pieces."""
        del event
        return None

    def _of(self, index: int, choice: Event) -> Iterator[Slot]:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        for name in _CHAT_TEXTS:
            yield from _slot((name, index, 0), "text", delta, name)
        for call, one in _items(delta, "tool_calls"):
            yield from _slot(("function", index, call), "json", one.get("function"), "arguments")
            yield from _slot(("custom", index, call), "text", one.get("custom"), "input")
        yield from _slot(
            ("function_call", index, 0), "json", delta.get("function_call"), "arguments"
        )


class CompletionStream:
    """Chunks of `/v1/completions`."""

    def slots(self, event: Event) -> list[Slot]:
        """See `StreamForm`."""
        return [
            slot
            for index, one in _items(event, "choices")
            for slot in _slot(("text", index), "text", one, "text")
        ]

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """See `StreamForm`."""
        return ChatStream().ended(event, open_)

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """See `StreamForm`."""
        choice = {"text": text, "index": block[1], "logprobs": None, "finish_reason": None}
        return _choice(like, choice)

    def rest(self, event: Event) -> Shape | None:
        """See `StreamForm`."""
        del event
        return None


class MessageStream:
    """Anthropic's content blocks, by index. Other blocks than text and input come as a whole."""

    _TEXTS: Mapping[str, tuple[str, str]] = {
        "text_delta": ("text", "text"),
        "input_json_delta": ("partial_json", "json"),
    }

    def slots(self, event: Event) -> list[Slot]:
        """See `StreamForm`."""
        index, delta = event.get("index", 0), event.get("delta")
        if event.get("type") == "content_block_delta" and isinstance(delta, dict):
            member, kind = self._TEXTS.get(str(delta.get("type")), ("", ""))
            return list(_slot((kind, index), kind, delta, member))
        begun = event.get("content_block")
        if isinstance(begun, dict) and begun.get("type") == "text" and begun.get("text"):
            return list(_slot(("text", index), "text", begun, "text"))
        return []

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """See `StreamForm`."""
        kind = event.get("type")
        if kind == "content_block_stop":
            return _each(block for block in open_ if block[1] == event.get("index", 0))
        return _each(open_) if kind in ("message_delta", "message_stop", "error") else []

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """See `StreamForm`."""
        del like
        kind, index = block
        name = "text_delta" if kind == "text" else "input_json_delta"
        delta = {"type": name, self._TEXTS[name][0]: text}
        said = {"type": "content_block_delta", "index": index, "delta": delta}
        return made(said, "content_block_delta")

    def rest(self, event: Event) -> Shape | None:
        """See `StreamForm`."""
        kind, delta = event.get("type"), event.get("delta")
        whole = kind == "content_block_start" and not self.slots(event)
        if isinstance(delta, dict) and delta.get("type") == "citations_delta":
            whole = True
        return ANSWERS["messages"] if whole else None


class ResponseStream:
    """OpenAI's typed events: `….delta` has a piece, `….done` the whole, the last event all."""

    _JSON = frozenset({"response.function_call_arguments", "response.mcp_call_arguments"})
    _UNTOUCHED = ("response.reasoning", "response.image_generation_call", "response.audio.delta")
    _OVER = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})

    def slots(self, event: Event) -> list[Slot]:
        """See `StreamForm`."""
        kind = str(event.get("type"))
        if not kind.endswith(".delta") or kind.startswith(self._UNTOUCHED):
            return []
        name = kind.removesuffix(".delta")
        said = "json" if name in self._JSON else "text"
        return list(_slot(_place(name, event), said, event, "delta"))

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """See `StreamForm`."""
        kind = str(event.get("type"))
        if kind in self._OVER:
            return _each(open_)
        if kind == "response.output_item.done":
            return _each(block for block in open_ if block[2] == event.get("output_index"))
        if kind.endswith(".done"):
            block = _place(kind.removesuffix(".done"), event)
            return [block] if block in _each(open_) else []
        return []

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """See `StreamForm`."""
        del block
        said = {**like, "delta": text}
        said.pop("logprobs", None)
        return made(said, said["type"])

    def rest(self, event: Event) -> Shape | None:
        """See `StreamForm`."""
        kind = str(event.get("type"))
        if kind.endswith(".delta") or kind.startswith(self._UNTOUCHED):
            return None
        return ANSWERS["responses"]


class GeminiStream:
    """Answers of which each has what is new: a candidate's texts go on until other parts come."""

    def slots(self, event: Event) -> list[Slot]:
        """See `StreamForm`."""
        found: list[Slot] = []
        for index, one in _items(event, "candidates"):
            for part in _parts(one):
                if part.get("thought") is not True:
                    found += _slot(("text", index), "text", part, "text")
        return found

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """See `StreamForm`."""
        if event.get("error"):
            return _each(open_)
        over = {
            index
            for index, one in _items(event, "candidates")
            if one.get("finishReason") or any("text" not in part for part in _parts(one))
        }
        return _each(block for block in open_ if block[1] in over) if over else []

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """See `StreamForm`."""
        content = {"parts": [{"text": text}], "role": "model"}
        said: Event = {"candidates": [{"content": content, "index": block[1]}]}
        said.update((name, like[name]) for name in ("modelVersion", "responseId") if name in like)
        return made(said)

    def rest(self, event: Event) -> Shape | None:
        """See `StreamForm`."""
        del event
        return GEMINI_EVENTS


def _place(name: str, event: Event) -> Block:
    return (name, event.get("item_id"), event.get("output_index"), event.get("content_index"))


def _items(holder: Event, member: str) -> Iterator[tuple[int, Event]]:
    """The objects of a list, by their own index where they have one."""
    items = holder.get(member)
    for place, one in enumerate(items if isinstance(items, list) else ()):
        if isinstance(one, dict):
            index = one.get("index")
            yield (index if isinstance(index, int) else place), one


def _parts(candidate: Event) -> list[Event]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [one for one in parts or () if isinstance(one, dict)]


def _slot(block: Block, kind: str, holder: Any, member: str) -> Iterator[Slot]:
    if isinstance(holder, dict) and isinstance(holder.get(member), str):
        yield Slot(block, kind, holder, member)


def _choice(like: Event, choice: Event) -> bytes:
    kept = {name: value for name, value in like.items() if name not in ("choices", "usage")}
    return made({**kept, "choices": [choice]})


def _each(blocks: Iterable[Block]) -> list[Block]:
    return list(dict.fromkeys(blocks))


# Endpoint → how its answers stream.
FORMS: Mapping[str, Callable[[], StreamForm]] = {
    "chat.completions": ChatStream,
    "completions": CompletionStream,
    "messages": MessageStream,
    "responses": ResponseStream,
    "audio.transcriptions": ResponseStream,
    "gemini.stream": GeminiStream,
}
