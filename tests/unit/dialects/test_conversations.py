"""What makes requests one conversation, in every dialect, and what a body has in it."""

import json

import pytest

from common.dialects.conversations import CACHED_BYTES_MIN, content_of, conversation_of

LONG = "x" * CACHED_BYTES_MIN


def of(body, **headers):
    return conversation_of(headers.get, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"prompt_cache_key": "abc-1234"}, {}),
        ({"session_id": "abc-1234"}, {}),
        ({"metadata": {"session_id": "abc-1234"}}, {}),
        ({"metadata": {"user_id": "user_1f_account_2e_session_abc-1234"}}, {}),
        ({"metadata": {"user_id": '{"device_id":"d","session_id":"abc-1234"}'}}, {}),
        ({}, {"session_id": "abc-1234"}),
        ({"prompt_cache_key": "another"}, {"x-session-id": "abc-1234"}),
    ],
)
def test_a_client_may_name_its_conversation(body, headers):
    assert of(body, **headers) == "id:abc-1234"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"metadata": {"user_id": "alice"}}, {"prompt_cache_key": 7}, {"metadata": []}, [],
        {"messages": [{"role": "user", "content": "short"}]}, {"prompt_cache_key": ""},
    ],
)  # fmt: skip
def test_what_names_none_and_is_cached_nowhere_is_none(body):
    assert of(body) is None


def test_no_body_is_too_strange():
    for body in (b"", b"\xff" * 5000, b"[" * 5000, b'{"messages": ' + b"7" * 5000 + b"}"):
        conversation_of({}.get, body)


def turns(dialect, system, *texts):
    """A conversation of that many texts, the user's and the model's in turn."""
    roles = ["user", "assistant"] * len(texts)
    match dialect:
        case "chat":
            first = {"role": "system", "content": system}
            said = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
            return {"model": "m", "messages": [first, *said]}
        case "messages":
            said = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
            return {"max_tokens": 5, "system": system, "messages": said}
        case "responses":
            said = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
            return {"instructions": system, "input": said}
        case _:
            said = [{"role": r, "parts": [{"text": t}]} for r, t in zip(roles, texts, strict=False)]
            return {"systemInstruction": {"parts": [{"text": system}]}, "contents": said}


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses", "gemini"])
def test_a_conversation_is_the_same_as_it_grows(dialect):
    first = of(turns(dialect, LONG, "hello"))
    assert first is not None
    assert first.startswith("prefix:")
    assert of(turns(dialect, LONG, "hello", "hi", "and now?")) == first
    assert of(turns(dialect, LONG, "good day")) != first
    assert of(turns(dialect, LONG + "y", "hello")) != first
    assert of(turns(dialect, LONG, "hello") | {"tools": [{"name": "f"}]}) != first


def test_a_mark_that_moves_on_is_no_part_of_it():
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}

    def said(*marks):
        blocks = [
            {"type": "text", "text": text} | one for text, one in zip("ab", marks, strict=True)
        ]
        return {"system": LONG, "messages": [{"role": "user", "content": blocks}]}

    marked, elsewhere = said({}, mark), said(mark, {})
    assert of(marked) == of(elsewhere) == of(said({}, {}))
    first = {"role": "user", "content": [mark | {"type": "text", "text": "a"}]}
    plain = {"role": "user", "content": [{"type": "text", "text": "a"}]}
    assert json.dumps(first) != json.dumps(plain)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (False, False)), ([], (False, False)), ({"tools": []}, (False, False)),
        ({"tools": [{}]}, (True, False)), ({"functions": [{}]}, (True, False)),
        ({"messages": [{"content": [{"type": "image_url"}]}]}, (False, True)),
        ({"messages": [{"content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]},
         (False, True)),
        ({"input": [{"content": [{"type": "input_image"}]}]}, (False, True)),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, (False, True)),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/mp3"}}]}]}, (False, False)),
        ({"messages": [{"content": "image"}], "input": "image"}, (False, False)),
    ],
)  # fmt: skip
def test_tools_and_images_are_seen(body, expected):
    assert content_of(json.dumps(body).encode()) == expected


def test_what_is_no_json_has_neither():
    assert content_of(b"{") == (False, False)
