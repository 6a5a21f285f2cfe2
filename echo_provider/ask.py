"""A validated request, without its dialect; and the answer planned for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from echo_provider.faults import Faults
from echo_provider.output import (
    EchoedText,
    GeneratedBytes,
    GeneratedWords,
    Output,
    before_stop,
    repeated_to,
)
from echo_provider.refusals import Refusal
from echo_provider.tokens import count_tokens
from echo_provider.tools import ToolCall, wanted_calls

# An answer that is no stream is made in memory.
WHOLE_BYTES_MAX = 64 * 1024 * 1024

Thinking = Literal["off", "hidden", "shown"]


@dataclass(slots=True, kw_only=True)
class Ask:
    """What a request wants. `tools` maps names to JSON Schemas; `limit` is tokens a choice.

    `tool_choice` is "auto", "none", "required", or the name of one tool behind `forced_tool`.
    `in_memory` is for streams that end with their whole text. `thinking` says whether the model
    thinks, and whether the caller is shown what.
    """

    model: str
    served_model: str
    stream: bool
    prompt_tokens: int
    text: str
    limit: int | None = None
    choices: int = 1
    stops: tuple[str, ...] = ()
    include_usage: bool = False
    tools: dict[str, Any] = field(default_factory=dict)
    tool_choice: str = "auto"
    forced_tool: str | None = None
    parallel_calls: bool = True
    in_memory: bool = False
    thinking: Thinking = "hidden"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: a text, or tool calls. `finish` is end, limit, stop or tools."""

    text: Output | None
    calls: tuple[ToolCall, ...]
    finish: str
    stop: str | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """True counts. `prompt` holds all input, cached or not; `completion` holds reasoning.

    Models that count no tokens have neither, but pictures, seconds heard or characters spoken.
    """

    prompt: int
    completion: int
    cached: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    images: int = 0
    seconds: int = 0
    characters: int = 0

    @property
    def uncached(self) -> int:
        """Input that was neither read from nor written to a cache."""
        return self.prompt - self.cached - self.cache_write_5m - self.cache_write_1h


# What an endpoint has used that counts no tokens.
NO_USAGE = Usage(prompt=0, completion=0)


@dataclass(frozen=True, slots=True)
class Answer:
    """All choices, the parts that a stream splits each into (None: natural), and the usage.

    `thoughts` are what is shown of the thinking before the first choice.
    """

    choices: tuple[Choice, ...]
    parts: int | None
    usage: Usage
    reported: bool
    thoughts: Output | None = None


def plan(ask: Ask, faults: Faults, text: str) -> Answer:
    """What to answer; `text` is the last user turn without directives.

    Raises `Refusal` (400) when the generated answer is too large to be made in memory.
    """
    parts = 1 if faults.huge_event else faults.chunks
    size = faults.huge_event or faults.bytes or (faults.words or 0) * len("word1000 ")
    if (ask.in_memory or not ask.stream) and size * ask.choices > WHOLE_BYTES_MAX:
        where = "too many here" if ask.in_memory else "for streams only"
        raise Refusal(400, f"echo: more than {WHOLE_BYTES_MAX} bytes are {where}")
    choice = _choice(ask, faults, text)
    thought = 0 if ask.thinking == "off" else faults.thoughts
    choices = (choice,) * ask.choices
    return Answer(
        choices=choices,
        parts=parts,
        usage=_usage(ask, faults, sum(one.tokens for one in choices), thought),
        reported=faults.usage != "none",
        thoughts=GeneratedWords(thought, None, "thought")
        if thought and ask.thinking == "shown"
        else None,
    )


def _choice(ask: Ask, faults: Faults, text: str) -> Choice:
    calls = wanted_calls(text, ask.tools, ask.tool_choice, ask.forced_tool)
    if calls:
        return _tool_choice(calls if ask.parallel_calls else calls[:1], ask.limit)
    stop: str | None = None
    output: Output
    size = faults.huge_event or faults.bytes
    if size:
        output = GeneratedBytes(size, ask.limit)
    elif faults.words:
        output = GeneratedWords(faults.words, ask.limit)
    else:
        if faults.chunks and count_tokens(text):
            text = repeated_to(text, faults.chunks)
        text, stop = before_stop(text, ask.stops)
        output = EchoedText(text, ask.limit)
    finish = "limit" if output.cut else "stop" if stop is not None else "end"
    return Choice(output, (), finish, None if output.cut else stop, output.tokens)


def _tool_choice(calls: Sequence[ToolCall], limit: int | None) -> Choice:
    """The calls, the last of them cut short where the limit falls into it."""
    kept: list[ToolCall] = []
    tokens = 0
    for call in calls:
        left = None if limit is None else limit - tokens
        if left is not None and left < call.tokens:
            shortened = call.cut_to(left)
            if shortened is not None:
                kept.append(shortened)
                tokens += shortened.tokens
            return Choice(None if kept else EchoedText("", 0), tuple(kept), "limit", None, tokens)
        kept.append(call)
        tokens += call.tokens
    return Choice(None, tuple(kept), "tools", None, tokens)


def _usage(ask: Ask, faults: Faults, generated: int, thought: int) -> Usage:
    reasoning = faults.reasoning + thought
    cached = min(faults.cached, ask.prompt_tokens)
    short = min(faults.cache_write, ask.prompt_tokens - cached)
    long = min(faults.cache_write_1h, ask.prompt_tokens - cached - short)
    return Usage(
        prompt=ask.prompt_tokens,
        completion=generated + reasoning,
        cached=cached,
        cache_write_5m=short,
        cache_write_1h=long,
        reasoning=reasoning,
    )
