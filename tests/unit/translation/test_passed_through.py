"""What other formats' providers signed is left out where a body goes on in its own dialect."""

import base64
import json

import pytest

from common.translation.passed_through import without_foreign

FOREIGN = '{"type":"thinking","thinking":"hm","signature":"openai.chat:"}'
HIDDEN = '{"type":"redacted_thinking", "data":"gemini.generate/call:abc="}'
OWN = '{"type":"thinking", "thinking":"h\\u006d","signature":"EqQB+/="}'
CALL = '{"type":"tool_use","id":"t1","name":"f","input":{"n":1.0}}'
RESULT = '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1"}]}'


def messages(*turns, more=""):
    return f'{{"model":"c", "max_tokens":9{more},"messages":[{",".join(turns)}]}}'.encode()


def said(*blocks):
    return f'{{"role":"assistant","content":[{",".join(blocks)}]}}'


@pytest.mark.parametrize("foreign", [FOREIGN, HIDDEN])
def test_only_the_thoughts_of_others_go_and_every_other_byte_stays(foreign):
    body = messages('{"role":"user","content":"a" }', said(OWN, foreign, CALL), RESULT)
    left = messages('{"role":"user","content":"a" }', said(OWN, CALL), RESULT)
    assert without_foreign(body, "anthropic.messages") == left
    assert without_foreign(body, "messages.count_tokens") == left
    batch = b'{"requests":[{"custom_id":"1","params":%b}]}'
    assert without_foreign(batch % body, "messages.batches") == batch % left
    assert without_foreign(left, "anthropic.messages") is left


def test_a_turn_of_nothing_but_foreign_thoughts_goes():
    user = '{"role":"user","content":"a"}'
    body = messages(user, said(FOREIGN), user)
    assert without_foreign(body, "anthropic.messages") == messages(user, user)


@pytest.mark.parametrize(
    ("turns", "thinks"),
    [
        ((said(FOREIGN, CALL), RESULT), False),
        ((said(FOREIGN, OWN, CALL), RESULT), True),
        ((said(FOREIGN, CALL), RESULT, said(OWN, CALL), RESULT), True),
        ((said(FOREIGN, CALL), RESULT, '{"role":"user","content":"b"}'), True),
    ],
)
def test_what_goes_on_after_calls_without_thoughts_thinks_with_no_budget(turns, thinks):
    budget = ',"thinking":{"type":"enabled","budget_tokens":2048}'
    found = json.loads(without_foreign(messages(*turns, more=budget), "anthropic.messages"))
    assert ("thinking" in found) == thinks
    adaptive = messages(*turns, more=',"thinking":{"type":"adaptive"}')
    assert "thinking" in json.loads(without_foreign(adaptive, "anthropic.messages"))


def test_what_is_quoted_in_a_text_stays():
    body = messages(json.dumps({"role": "user", "content": [{"type": "text", "text": FOREIGN}]}))
    assert without_foreign(body, "anthropic.messages") == body


def test_reasoning_of_others_is_no_input_of_openai():
    sealed = ("gAA", "relay:signature:anthropic.messages:Eq")
    own, foreign = ({"type": "reasoning", "encrypted_content": one} for one in sealed)
    body = json.dumps({"model": "o", "input": [own, foreign, {"role": "user"}]}).encode()
    found = json.loads(without_foreign(body, "openai.responses"))
    assert found["input"] == [own, {"role": "user"}]
    text = b'{"model":"o","input":"relay:"}'
    assert without_foreign(text, "openai.responses") == text


def test_gemini_is_given_its_own_signatures():
    foreign = base64.b64encode(b'relay:{"origin":"anthropic.messages"}').decode()
    parts = [
        {"text": "hm", "thought": True, "thoughtSignature": foreign},
        {"functionCall": {"name": "f"}, "thoughtSignature": foreign},
        {"functionCall": {"name": "g"}, "thoughtSignature": "AAAA"},
    ]
    body = json.dumps({"contents": [{"role": "model", "parts": parts}]}).encode()
    (turn,) = json.loads(without_foreign(body, "gemini.generate"))["contents"]
    assert turn["parts"] == [{"functionCall": {"name": "f"}}, parts[2]]


def test_openai_is_given_no_signature_of_geminis_calls():
    extra = {"google": {"thought_signature": "AAAA"}}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_calls": [call | {"extra_content": extra}]}
    body = json.dumps({"model": "g", "messages": [turn]}).encode()
    (found,) = json.loads(without_foreign(body, "openai.chat"))["messages"]
    assert found["tool_calls"] == [call]


@pytest.mark.parametrize("body", [b'{"messages":[{"content":7}]}', b'{"messages":["a",1]}'])
def test_what_is_no_message_is_the_providers_to_refuse(body):
    assert without_foreign(body, "anthropic.messages") == body
