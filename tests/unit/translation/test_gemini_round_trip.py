"""What a conversation says in Gemini's words is what it says when they are read again."""

import json
from base64 import b64encode

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from common.translation.conversation import (
    Answer,
    Conversation,
    Counts,
    Media,
    Message,
    OutputFormat,
    Text,
    Thinking,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.gemini import FORMAT

OWN = "gemini.generate"
SHOWN = Conversation(model="m", thinking=ThinkingMode())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
WORDS = TEXT.map(lambda text: "a" + text)  # no JSON objects
NAMES = st.from_regex(r"[a-z_]{1,9}", fullmatch=True)
SIGNATURES = st.none() | st.binary(min_size=1, max_size=6).map(
    lambda data: b64encode(b"\x0a" + data).decode()
)
MEDIA = st.sampled_from(
    [
        Media("image", "image/png", "iVBORw0KGgo="),
        Media("document", "application/pdf", "JVBERi0="),
        Media("image", "image/png", url="https://a/b.png"),
    ]
)
OBJECTS = st.dictionaries(NAMES, st.none() | st.integers(-9, 9) | TEXT, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)


@st.composite
def model_parts(draw, first_call=0):
    """Text and signed thoughts, then calls."""
    parts = []
    if draw(st.booleans()):
        signature = draw(SIGNATURES.filter(bool))
        parts.append(Thinking(draw(TEXT), signature, origin=OWN))
    if draw(st.booleans()):
        parts.append(Text(draw(TEXT)))
        if (signature := draw(SIGNATURES)) is not None:
            parts.append(Thinking(signature=signature, origin=OWN))
    for index in range(draw(st.integers(0 if parts else 1, 2))):
        call_id = f"call_{first_call + index}"
        parts.append(ToolCall(call_id, draw(NAMES), draw(OBJECTS), draw(SIGNATURES)))
    return tuple(parts)


@st.composite
def conversations(draw):
    messages = []
    calls = 0
    for _ in range(draw(st.integers(1, 3))):
        said = draw(st.lists(WORDS.map(Text) | MEDIA, min_size=1, max_size=3))
        if not messages:
            messages.append(Message("user", tuple(said)))
        parts = draw(model_parts(calls))
        messages.append(Message("assistant", parts))
        called = [part for part in parts if isinstance(part, ToolCall)]
        calls += len(called)
        results = [
            ToolResult(call.id, call.name, (draw(WORDS.map(Text)),), draw(st.booleans()))
            for call in called
        ]
        messages.append(Message("user", (*results, *said)))
    tools = tuple(
        Tool(name, draw(st.none() | TEXT), msgspec.Raw(b'{"type":"object"}'))
        for name in draw(st.lists(NAMES, unique=True, max_size=2))
    )
    choices = st.none() | st.sampled_from([ToolChoice(mode) for mode in ("auto", "none", "any")])
    schema = OutputFormat("schema", schema=msgspec.Raw(b'{"type":"object"}'))
    return Conversation(
        model="gemini-2.5-pro",
        system=tuple(Text(text) for text in draw(st.lists(TEXT, max_size=2))),
        messages=tuple(messages),
        tools=tools,
        tool_choice=draw(choices) if tools else None,
        output_format=draw(st.none() | st.sampled_from([OutputFormat("json"), schema])),
        thinking=draw(
            st.none() | st.sampled_from([ThinkingMode(budget_tokens=2048), ThinkingMode()])
        ),
        max_output_tokens=draw(st.none() | st.integers(1, 9)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_k=draw(st.none() | st.integers(1, 9)),
        stop=tuple(draw(st.lists(TEXT, max_size=5))),
        seed=draw(st.none() | st.integers(0, 9)),
        service_tier=draw(st.sampled_from([None, "flex", "priority"])),
        include_usage=True,
    )


def said_again(conversation):
    read = FORMAT.read_request(
        FORMAT.write_request(conversation, conversation.model), conversation.model
    )
    return msgspec.structs.replace(read, fields={})


def plain(conversation):
    """Compared as values: Raw is compared by identity of its JSON text."""
    return msgspec.to_builtins(
        msgspec.json.decode(msgspec.json.encode(msgspec.structs.asdict(conversation)))
    )


@given(conversations())
def test_requests(conversation):
    assert plain(said_again(conversation)) == plain(conversation)


@given(model_parts(), st.sampled_from(["stop", "length", "content_filter"]))
def test_answers(parts, finish):
    if finish == "stop" and any(isinstance(part, ToolCall) for part in parts):
        finish = "tool_calls"
    counts = Counts(input=3, output=7, cache_read=2, reasoning=4)
    answer = Answer(id="r", model="x", parts=parts, finish=finish, counts=counts)
    assert FORMAT.read_answer(FORMAT.write_answer(answer, SHOWN)) == answer
