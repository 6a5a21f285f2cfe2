"""There and back: what chats and messages both can say survives every translation."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.translation.conversation import Conversation, Message
from common.translation.formats import FORMATS

CHAT, MESSAGES = FORMATS["openai.chat"], FORMATS["anthropic.messages"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAME = st.sampled_from(["look", "now", "a-b_1"])
DATA = st.sampled_from(["", "AAAA", "iVBORw0KGgo="])
JSON_OBJECT = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=2)
SCHEMA = st.fixed_dictionaries({"type": st.just("object"), "properties": JSON_OBJECT})
PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(
        lambda url: {"type": "image_url", "image_url": {"url": url}},
        st.one_of(DATA.map("data:image/png;base64,{}".format), st.just("https://a/b.png")),
    ),
    st.builds(
        lambda name, data: {
            "type": "file",
            "file": {"filename": name, "file_data": f"data:application/pdf;base64,{data}"},
        },
        TEXT,
        DATA,
    ),
)


@st.composite
def turns(draw):
    """Turns in which each call has its result."""
    said = [{"role": "system", "content": text} for text in draw(st.lists(TEXT, max_size=2))]
    said.append({"role": "user", "content": draw(TEXT | st.lists(PART, min_size=1, max_size=3))})
    for number in range(draw(st.integers(0, 2))):
        names = draw(st.lists(NAME, max_size=2))
        text = draw(TEXT if not names else TEXT | st.none())
        calls = [
            {
                "id": f"call_{number}_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(draw(JSON_OBJECT))},
            }
            for index, name in enumerate(names)
        ]
        turn = {"role": "assistant", "content": text}
        said.append(turn | ({"tool_calls": calls} if calls else {}))
        for call in calls:
            said.append({"role": "tool", "tool_call_id": call["id"], "content": draw(TEXT)})
        said.append({"role": "user", "content": draw(TEXT)})
    return said


TOOL = st.builds(
    lambda name, schema, strict: {
        "type": "function",
        "function": {"name": name, "description": "d", "parameters": schema, "strict": strict},
    },
    NAME,
    SCHEMA,
    st.booleans(),
)
CHOICE = st.sampled_from(
    [
        {},
        {"tool_choice": "none"},
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        {"parallel_tool_calls": True},
    ]
)
FORM = st.builds(
    lambda schema: {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    },
    SCHEMA,
)
REQUEST = st.builds(
    lambda messages, tools, choice, optional: {
        "model": "m",
        "max_completion_tokens": 99,
        "messages": messages,
        **({"tools": tools} | choice if tools else {}),
        **optional,
    },
    turns(),
    st.lists(TOOL, max_size=2),
    CHOICE,
    st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.sampled_from([0.0, 0.7, 1.0]),
            "top_p": st.just(0.9),
            "stop": st.lists(TEXT, min_size=1, max_size=4),
            "user": TEXT,
            "stream": st.just(True),
            "reasoning_effort": st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
            "response_format": FORM,
            "service_tier": st.sampled_from(["auto", "default"]),
        },
    ),
)


def essence(conversation):
    """A conversation without what each dialect names its own way; turns of one role are one."""
    merged: list[Message] = []
    for message in conversation.messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message(message.role, (*merged[-1].parts, *message.parts))
        else:
            merged.append(message)
    return json.loads(
        msgspec.json.encode(
            msgspec.structs.replace(
                conversation, messages=tuple(merged), fields={}, include_usage=False
            )
        )
    )


@settings(max_examples=60)
@given(REQUEST)
def test_a_request_survives_all_ways(request):
    read = CHAT.read_request(json.dumps(request).encode())
    there = MESSAGES.read_request(MESSAGES.write_request(read, "m"))
    assert essence(there) == essence(read)
    back = CHAT.read_request(CHAT.write_request(there, "m"))
    assert essence(back) == essence(read)


ANSWER = st.builds(
    lambda text, calls, finish, counts: {
        "id": "a",
        "model": "m",
        "created": 1,
        "choices": [
            {
                "message": {
                    "content": text,
                    "tool_calls": [
                        {
                            "id": f"c{index}",
                            "function": {"name": name, "arguments": json.dumps(arguments)},
                        }
                        for index, (name, arguments) in enumerate(calls)
                    ],
                },
                "finish_reason": "tool_calls" if calls else finish,
            }
        ],
        "usage": {
            "prompt_tokens": sum(counts),
            "completion_tokens": counts[0],
            "prompt_tokens_details": {
                "cached_tokens": counts[1],
                "cache_write_tokens": counts[2],
            },
        },
    },
    TEXT,
    st.lists(st.tuples(NAME, JSON_OBJECT), max_size=2),
    st.sampled_from(["stop", "length"]),
    st.tuples(*[st.integers(0, 1000)] * 3),
)


@settings(max_examples=40)
@given(ANSWER)
def test_an_answer_survives_both_ways(answer):
    asked = Conversation(model="m")
    read = CHAT.read_answer(json.dumps(answer).encode())
    there = MESSAGES.read_answer(MESSAGES.write_answer(read, asked))
    assert msgspec.structs.replace(there, created_s=1) == read
    assert CHAT.read_answer(CHAT.write_answer(there, asked)) == there
