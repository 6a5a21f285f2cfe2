"""Conversations, answers and streams to translate: what all formats have in common, and more.

`plain` and `whole` bring what different formats may say differently into one form: parts that
follow each other as one, arguments as values, thoughts without what only their maker reads.
"""

from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from common.translation.conversation import (
    Answer,
    Begun,
    Conversation,
    Counts,
    Finished,
    Media,
    Message,
    OutputFormat,
    RefusalDelta,
    Refused,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
)
from common.translation.efforts import effort_of

# What escaping, splitting between bytes and cutting lines may go wrong at.
_words = st.text('aZ0 \n"\\:é中😀\u2028', max_size=8).map(lambda text: f"w{text}w")
_names = st.sampled_from(["f", "get_weather", "list_files", "x1"])
_bits = st.sampled_from(["AAAA", "iVBORw0KGgo=", "/9j/4AAQ"])
_json_objects = st.dictionaries(_names, st.one_of(st.integers(-9, 9), _words), max_size=2).map(
    lambda value: msgspec.json.encode(value).decode()
)
_schemas = st.sampled_from(
    [
        msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}'),
        msgspec.Raw(b'{"type":"object","properties":{},"additionalProperties":false}'),
    ]
)
_texts = st.builds(Text, _words)
_pictures = st.builds(
    Media, st.just("image"), st.sampled_from(["image/png", "image/jpeg"]), data=_bits
)


@st.composite
def _calls(draw, most=2):
    """Calls of different ids."""
    count = draw(st.integers(1, most))
    return [
        ToolCall(f"call_{at}_{draw(_names)}", draw(_names), draw(_json_objects))
        for at in range(count)
    ]


@st.composite
def _turns(draw):
    """Turns of a user, a model and its tools, beginning and ending with the user's side."""
    asked = draw(st.lists(st.one_of(_texts, _pictures), min_size=1, max_size=2))
    turns = [Message("user", tuple(asked))]
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            calls = draw(_calls())
            said = draw(st.lists(_texts, max_size=1))
            results = [ToolResult(call.id, call.name, (Text(draw(_words)),)) for call in calls]
            turns += [Message("assistant", (*said, *calls)), Message("user", tuple(results))]
        else:
            turns += [
                Message("assistant", (draw(_texts),)),
                Message("user", (draw(_texts),)),
            ]
    return tuple(turns)


@st.composite
def conversations(draw):
    """What every format can say."""
    messages = draw(_turns())
    called = {part.name for turn in messages for part in turn.parts if isinstance(part, ToolCall)}
    tools = tuple(
        Tool(name, draw(_words), draw(_schemas))
        for name in sorted(called | draw(st.sets(_names, max_size=1)))
    )
    choices = [None, ToolChoice("auto"), ToolChoice("any")]
    choices += [ToolChoice("named", tool.name) for tool in tools[:1]]
    return Conversation(
        model="model-1",
        system=tuple(draw(st.lists(_texts, max_size=1))),
        messages=messages,
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)) if tools else None,
        max_output_tokens=draw(st.integers(16, 4096)),
        temperature=draw(st.sampled_from([None, 0.0, 0.5, 1.0])),
        stream=draw(st.booleans()),
        include_usage=True,
    )


_SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}')
_TOOL = Tool("weather", "Says how the weather is", _SCHEMA)
_DOCUMENT = Message(
    "user", (Media("document", "application/pdf", "JVBERi0=", name="paper.pdf"), Text("Sum it up"))
)
_LINKED = Message("user", (Media("image", url="https://example.com/cat.png"), Text("What is it?")))
# What only some formats can say, by attributes of a conversation.
RARER = {
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 7},
    "stop": {"stop": ("END", "\n\n")},
    "seed": {"seed": 5},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": -0.5},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "json": {"output_format": OutputFormat("json")},
    "schema": {"output_format": OutputFormat("schema", "kind", schema=_SCHEMA, strict=True)},
    "effort": {"thinking": ThinkingMode(effort="low")},
    "hidden thoughts": {"thinking": ThinkingMode(effort="high", shown=False)},
    "budget of thoughts": {"thinking": ThinkingMode(budget_tokens=2048)},
    "no thoughts": {"thinking": ThinkingMode(enabled=False, effort="none")},
    "system in parts": {"system": (Text("one"), Text("two"))},
    "document": {"messages": (_DOCUMENT,)},
    "linked picture": {"messages": (_LINKED,)},
    "no calls": {"tool_choice": ToolChoice("none"), "tools": (_TOOL,)},
    "single calls": {"tool_choice": ToolChoice("auto", parallel=False), "tools": (_TOOL,)},
    "strict tool": {"tools": (msgspec.structs.replace(_TOOL, strict=True),)},
}


@st.composite
def answers(draw, origin=""):
    """An answer; its thoughts are sealed by `origin`, or by nobody."""
    parts = []
    if draw(st.booleans()):
        sealed = draw(_bits) if origin else None
        parts.append(Thinking(draw(_words), signature=sealed, origin=origin))
    parts += draw(st.lists(_texts, max_size=1))
    calls = draw(_calls()) if draw(st.booleans()) else []
    parts += calls
    if not parts:
        parts = [draw(_texts)]
    ends = ["tool_calls"] if calls else ["stop", "length"]
    return Answer(
        id="answer-1",
        model=draw(st.sampled_from(["model-1", "model-1-2026-01-01"])),
        parts=tuple(parts),
        finish=draw(st.sampled_from(ends)),
        counts=Counts(
            input=draw(st.integers(0, 99)),
            output=draw(st.integers(0, 99)),
            cache_read=draw(st.integers(0, 99)),
        ),
    )


@st.composite
def streams_of(draw, answer):
    """The events of an answer, its texts in pieces of any size."""
    events = [Begun(answer.id, answer.model, answer.counts)]
    calls = 0
    for part in answer.parts:
        if isinstance(part, Text):
            events += [TextDelta(piece) for piece in draw(_pieces(part.text))]
        elif isinstance(part, Refused):
            events += [RefusalDelta(piece) for piece in draw(_pieces(part.text))]
        elif isinstance(part, Thinking):
            events += [ThinkingDelta(piece) for piece in draw(_pieces(part.text))]
            if part.signature is not None:
                events.append(ThinkingDelta("", part.signature, origin=part.origin))
        elif isinstance(part, ToolCall):
            events.append(ToolCallBegun(calls, part.id, part.name, part.signature))
            events += [ToolCallDelta(calls, piece) for piece in draw(_pieces(part.arguments))]
            calls += 1
    return [*events, Finished(answer.finish, answer.stop_sequence, answer.counts)]


@st.composite
def _pieces(draw, text):
    points = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    edges = [0, *points, len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    return [piece for piece in pieces if piece]


def answer_of(events):
    """The answer that a stream's events add up to."""
    begun, *deltas, finished = events
    assert isinstance(begun, Begun)
    assert isinstance(finished, Finished)
    parts = []
    for event in deltas:
        last = parts[-1] if parts else None
        match event:
            case TextDelta():
                parts.append(Text(event.text))
            case RefusalDelta() if isinstance(last, Refused):
                parts[-1] = Refused(last.text + event.text)
            case RefusalDelta():
                parts.append(Refused(event.text))
            case ThinkingDelta() if (
                isinstance(last, Thinking)
                and last.signature is None
                and last.redacted is None
                and event.redacted is None
            ):
                parts[-1] = Thinking(last.text + event.text, event.signature, None, event.origin)
            case ThinkingDelta():
                parts.append(Thinking(event.text, event.signature, event.redacted, event.origin))
            case ToolCallBegun():
                parts.append(ToolCall(event.id, event.name, "", event.signature))
            case ToolCallDelta():
                assert isinstance(last, ToolCall)
                parts[-1] = msgspec.structs.replace(
                    last, arguments=last.arguments + event.arguments
                )
    return Answer(
        id=begun.id,
        model=begun.model,
        parts=tuple(parts),
        finish=finished.finish,
        stop_sequence=finished.stop_sequence,
        counts=finished.counts or begun.counts,
    )


def whole(answer, *, seals=True):
    """What an answer says, in one form. `seals`: whether thoughts keep their signatures."""
    return {
        "model": answer.model,
        "parts": [_part(part, seals=seals) for part in _joined(answer.parts)],
        "finish": answer.finish,
        "counts": answer.counts,
    }


def plain(conversation):
    """What a conversation says, in one form."""
    turns = []
    for message in conversation.messages:
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(message.parts)
        else:
            turns.append((message.role, list(message.parts)))
    mode, choice = conversation.thinking, conversation.tool_choice
    return {
        "system": "".join(text.text for text in conversation.system).replace("\n", ""),
        "turns": [(role, [_part(part) for part in _joined(parts)]) for role, parts in turns],
        "tools": [
            (tool.name, tool.description, _value(tool.parameters), tool.strict or None)
            for tool in conversation.tools
        ],
        "tool_choice": choice and (choice.mode, choice.name, choice.parallel),
        "output_format": _format(conversation.output_format),
        # In words; whether thoughts are shown, not every format asks.
        "thinking": mode and (effort_of(mode) if mode.enabled else "none"),
        **{
            name: getattr(conversation, name)
            for name in (
                *("max_output_tokens", "temperature", "top_p", "top_k", "stop", "seed"),
                *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"),
            )
        },
    }


def _joined(parts):
    joined = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(last.text + part.text)
        else:
            joined.append(part)
    return joined


def _part(part, *, seals=True):
    match part:
        case Text():
            return part.text
        case ToolCall():
            return ("call", part.id, part.name, _value(part.arguments or "{}"))
        case ToolResult():
            return (
                "result",
                part.call_id,
                part.name,
                [_part(shown) for shown in _joined(part.parts)],
            )
        case Thinking():
            return ("thought", part.text, part.signature if seals else None)
        case Media():
            return (part.kind, part.media_type, part.data, part.url)
        case Refused():
            return ("refused", part.text)


def _format(form):
    return form and (form.kind, _value(form.schema))


def _value(raw):
    return None if raw is None else msgspec.json.decode(raw)
