"""Names that some servers take for others: what they could read otherwise is refused by name."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import FORM, BadRequest
from tests.support.asking import METERED, asked
from tests.support.forms import form_of, part

JSON_NAMES = {
    name: operation
    for name, operation in OPERATIONS.items()
    if name in METERED and operation.media_type != FORM
}
FORM_NAMES = {name: OPERATIONS[name] for name in METERED if name not in JSON_NAMES}
VARIANTS = ["MODEL", "Model", "mOdel", "mode\u004c", "MODE\\u006c"]


def refusal(operation, body, content_type="application/json"):
    with pytest.raises(BadRequest) as caught:
        operation.parse_request(body, content_type)
    return caught.value


@pytest.mark.parametrize("endpoint", JSON_NAMES)
@pytest.mark.parametrize("written", VARIANTS)
@pytest.mark.parametrize("first", [True, False])
def test_a_member_in_another_case(endpoint, written, first):
    good = asked(endpoint).body
    member = f'"{written}":"gpt-x"'.encode()
    body = b"{" + member + b"," + good[1:] if first else good[:-1] + b"," + member + b"}"
    error = refusal(JSON_NAMES[endpoint], body)
    assert error.field == json.loads(f'"{written}"')
    assert error.status == 400
    assert "Did you mean 'model'?" in error.message


@pytest.mark.parametrize("endpoint", JSON_NAMES)
@pytest.mark.parametrize("written", ["model", "mod\\u0065l", "\\u006d\\u006f\\u0064\\u0065\\u006c"])
@pytest.mark.parametrize("first", [True, False])
def test_a_member_given_twice(endpoint, written, first):
    good = asked(endpoint).body
    member = f'"{written}" : "gpt-x"'.encode()
    body = b"{" + member + b"," + good[1:] if first else good[:-1] + b"," + member + b"}"
    error = refusal(JSON_NAMES[endpoint], body)
    assert (error.field, error.status) == ("model", 400)
    assert error.message == "'model' is given more than once"


@pytest.mark.parametrize(
    ("endpoint", "name", "value"),
    [
        ("chat.completions", "messages", "[]"),
        ("chat.completions", "stream", "false"),
        ("chat.completions", "max_tokens", "5"),
        ("messages", "max_tokens", "5"),
        ("responses", "store", "false"),
        ("embeddings", "input", '"x"'),
    ],
)
def test_any_other_member_that_relay_reads_given_twice(endpoint, name, value):
    good = asked(endpoint, **{name: None}).body
    added = f',"{name}":{value},"x":{{}},"{name}":{value}}}'.encode()
    assert refusal(OPERATIONS[endpoint], good[:-1] + added).field == name


def test_what_is_asked_for_usage_given_twice():
    good = asked("chat.completions").body
    options = b',"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}'
    assert refusal(OPERATIONS["chat.completions"], good[:-1] + options).field == "include_usage"


@pytest.mark.parametrize("endpoint", JSON_NAMES)
def test_names_elsewhere_may_be_the_same(endpoint):
    extra = b',"x":{"model":1,"model":2},"y":["model","model"],"x":"\\"model\\":","z":"model"}'
    body = asked(endpoint).body
    parsed = JSON_NAMES[endpoint].parse_request(body[:-1] + extra)
    assert parsed == JSON_NAMES[endpoint].parse_request(body)


@pytest.mark.parametrize(
    ("endpoint", "name", "meant"),
    [
        ("chat.completions", "Stream", "stream"),
        ("chat.completions", "max_Tokens", "max_tokens"),
        ("chat.completions", "max_to\u212aens", "max_tokens"),  # the Kelvin sign
        ("chat.completions", "\u017ftream", "stream"),  # the long s
        ("chat.completions", "Stream_Options", "stream_options"),
        ("chat.completions", "N", "n"),
        ("responses", "Background", "background"),
        ("responses", "STORE", "store"),
        ("completions", "Best_Of", "best_of"),
        ("messages", "Max_Tokens", "max_tokens"),
    ],
)
def test_other_members_that_relay_reads(endpoint, name, meant):
    error = refusal(OPERATIONS[endpoint], asked(endpoint, **{name: None}).body[:-1] + (
        b"," + json.dumps(name, ensure_ascii=False).encode() + b":1}"
    ))  # fmt: skip
    assert error.field == name
    assert f"'{meant}'" in error.message


@pytest.mark.parametrize("endpoint", JSON_NAMES)
def test_what_relay_does_not_read_may_have_any_name(endpoint):
    extra = b',"Temperature":1,"mo del":2,"models":3,"x":{"Model":4,"STREAM":5},"":6}'
    body = asked(endpoint).body
    parsed = JSON_NAMES[endpoint].parse_request(body[:-1] + extra)
    assert parsed == JSON_NAMES[endpoint].parse_request(body)


@pytest.mark.parametrize("endpoint", FORM_NAMES)
@pytest.mark.parametrize("name", ["MODEL", "Model", "Stream", "PROMPT", "file", "image[]"])
def test_a_field_in_another_case(endpoint, name):
    file = "image" if endpoint.startswith("images") else "file"
    content, model = part(file, b"abc", "a.bin"), part("model", b"whisper-1")
    if name in ("file", "image[]"):
        name = file.capitalize()
    form = form_of(model, content, part(name, b"x"))
    error = refusal(FORM_NAMES[endpoint], form.body, form.content_type)
    assert error.field == name
    assert f"'{name.casefold()}'" in error.message
