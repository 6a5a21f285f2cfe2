"""Bodies of which redaction has most to do, each in its own way; of any size."""

import json
import random
from collections.abc import Callable

from benchmarks.redaction.sentences import sentences

PHONE, MAIL = "+1 415 555 0132", "ann{}@example.com"


def chat(text: str) -> bytes:
    """A chat of one text."""
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


def repeated(text: str, size: int) -> str:
    """The text again and again, up to that many characters."""
    return (text * (size // len(text) + 1))[:size]


def _prose(size: int) -> bytes:
    return chat(
        repeated("The report of 2024 says that 15 of 200 items cost $12.40; see it. ", size)
    )


def _source(size: int) -> bytes:
    line = '    if (x[i] != 0x1f && name == "value") { return call(x, i + 1, name); }\n'
    return chat(repeated(line, size))


def _digits(size: int) -> bytes:
    drawn = random.Random(7)
    return chat("".join(drawn.choice("0123456789 -./") for _ in range(size)))


def _sentences(size: int) -> bytes:
    return chat(repeated("\n".join(one.text for one in sentences()) + "\n", size))


def _mails(size: int) -> str:
    return " ".join(MAIL.format(number) for number in range(size // 22))


def _names(size: int) -> bytes:
    members = {MAIL.format(number): number for number in range(size // 26)}
    block = {"type": "tool_use", "id": "t", "name": "f", "input": members}
    return json.dumps({"messages": [{"role": "assistant", "content": [block]}]}).encode()


def _arguments(size: int) -> bytes:
    members = {MAIL.format(number): MAIL.format(number) for number in range(size // 52)}
    call = {"function": {"name": "f", "arguments": json.dumps(members)}}
    return json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}).encode()


def _parts(size: int) -> bytes:
    parts = [{"type": "text", "text": MAIL.format(number)} for number in range(size // 52)]
    return json.dumps({"messages": [{"role": "user", "content": parts}]}).encode()


# The shape is that of `chat.completions`, but for the tool's input, which is Anthropic's.
BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "source code": ("chat.completions", _source),
    "prose": ("chat.completions", _prose),
    "random digits and marks": ("chat.completions", _digits),
    "the sentences above": ("chat.completions", _sentences),
    "nothing but phone numbers": (
        "chat.completions",
        lambda size: chat(repeated(PHONE + " ", size)),
    ),
    "nothing but e-mail addresses, all different": (
        "chat.completions",
        lambda size: chat(_mails(size)),
    ),
    "the same with an escape at the end": (
        "chat.completions",
        lambda size: chat(_mails(size) + "\n"),
    ),
    "the same in many short parts": ("chat.completions", _parts),
    "a tool's input with one in each name": ("messages", _names),
    "a tool call's arguments, JSON in a string": ("chat.completions", _arguments),
}
