"""Chat requests: what is refused and why, and what is changed on the way to the provider."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest

READ = {"model", "messages", "n", "stream"}
OPENAI = OPERATIONS["chat.completions"]
GOOD = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def request(**members):
    return json.dumps({**GOOD, **members}).encode()


def without(name):
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def refused(body):
    with pytest.raises(BadRequest) as caught:
        OPENAI.parse_request(body)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", request()[:-1], request() + b"x", b"{'model':1}", b"\xef\xbb\xbf" + request()],
)
def test_what_is_no_json(body):
    error = refused(body)
    assert error.field is None
    assert "not valid JSON" in error.message


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"', b"[" * 100_000])
def test_what_is_no_object(body):
    error = refused(body)
    assert error.field is None
    assert error.message == "The request body must be a JSON object"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_and_ends_nothing(opening):
    error = refused(request()[:-1] + b',"x":' + opening * 200_000)
    assert "nested too deeply" in error.message


def test_bytes_that_are_no_text():
    assert "UTF-8" in refused(request().replace(b"gpt-x", b"\xff")).message


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_member_is_named(name):
    error = refused(without(name))
    assert error.field == name
    assert error.message == f"Missing required parameter: '{name}'"


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"model": 5}, "model", "expected a string, got an integer"),
        ({"model": None}, "model", "expected a string, got null"),
        ({"messages": {}}, "messages", "expected an array, got an object"),
        ({"messages": ["hi"]}, "messages[0]", "expected an object, got a string"),
        ({"messages": [{"role": "user"}, {"role": 1}]}, "messages[1].role", "expected a string"),
        ({"stream": "yes"}, "stream", "expected a boolean or null, got a string"),
        ({"n": "2"}, "n", "expected an integer or null, got a string"),
        ({"max_tokens": 1.5}, "max_tokens", "expected an integer or null, got a number"),
        ({"max_completion_tokens": []}, "max_completion_tokens", "got an array"),
        ({"stream_options": 5}, "stream_options", "expected an object or null, got an integer"),
        (
            {"stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
            "expected a boolean or null, got an integer",
        ),
    ],
)
def test_a_wrong_type_is_named(members, field, words):
    error = refused(request(**members))
    assert error.field == field
    assert error.message.startswith(f"Invalid type for '{field}': ")
    assert words in error.message
    assert "`" not in error.message


def test_a_turn_without_role_is_named():
    assert refused(request(messages=[{"content": "hi"}])).field == "messages[0].role"


@pytest.mark.parametrize("name", ["n", "max_tokens", "max_completion_tokens"])
def test_a_number_has_bounds(name):
    for number in (0, -1, 2**31, 10**30):
        error = refused(request(**{name: number}))
        assert error.field == name
        assert f"'{name}'" in error.message
    OPENAI.parse_request(request(**{name: 2**31 - 1}))
    OPENAI.parse_request(request(**{name: None}))


@pytest.mark.parametrize("model", ["", " ", "\n\t", "m" * 257])
def test_a_model_has_a_name(model):
    error = refused(request(model=model))
    assert error.field == "model"
    assert "'model'" in error.message
    assert OPENAI.parse_request(request(model="m" * 256)).model == "m" * 256


def test_what_is_read():
    parsed = OPENAI.parse_request(request())
    assert (parsed.model, parsed.stream, parsed.choices) == ("gpt-x", False, 1)
    assert parsed.max_output_tokens is None
    assert not parsed.include_usage
    assert parsed.stream_options is None
    parsed = OPENAI.parse_request(
        b'{"model":"m","messages":[],"stream":true,"n":3,"max_tokens":9,'
        b'"stream_options": {"include_usage" :true} }'
    )
    assert (parsed.stream, parsed.choices, parsed.max_output_tokens) == (True, 3, 9)
    assert parsed.include_usage
    assert parsed.stream_options == b'{"include_usage" :true}'


def test_no_more_choices_are_reserved_than_a_provider_gives():
    assert OPENAI.parse_request(request(n=128)).choices == 128
    assert OPENAI.parse_request(request(n=129)).choices == 128


def test_the_newer_name_of_the_cap_wins():
    parsed = OPENAI.parse_request(request(max_tokens=9, max_completion_tokens=5))
    assert parsed.max_output_tokens == 5


def prepared(body, served="gpt-x"):
    return OPENAI.prepare_request(body, OPENAI.parse_request(body), served)


ODD = (
    b'{ "model" : "gpt-x",\t"messages":[{"role":"u","content":"\\u0041 \xc3\xa9 \\"model\\":1"}],'
    b'"temperature":1.0000000000000000001,"stream":true%s}\n'
)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (b',"stream_options": null ', b',"stream_options": {"include_usage":true} '),
        (b',"stream_options":{}', b',"stream_options":{"include_usage":true}'),
        (
            b',"stream_options": {"include_usage": false, "x":[1.0]}',
            b',"stream_options": {"include_usage": true, "x":[1.0]}',
        ),
        (
            b',"stream_options":{"include_obfuscation":false}',
            b',"stream_options":{"include_usage":true,"include_obfuscation":false}',
        ),
        (b',"stream_options":{"include_usage":true}', b',"stream_options":{"include_usage":true}'),
        (
            b',"stre\\u0061m_options":{"include_us\\u0061ge":false}',
            b',"stre\\u0061m_options":{"include_us\\u0061ge":true}',
        ),
    ],
)
def test_a_stream_is_asked_for_usage(options, changed):
    assert prepared(ODD % options) == ODD % changed


def test_options_are_added_where_there_are_none():
    body = ODD % b""
    assert prepared(body) == b'{"stream_options":{"include_usage":true},' + body[1:]


def test_the_model_is_mapped_and_all_else_stays():
    body = ODD % b',"stream_options":{"include_usage":true}'
    assert prepared(body, 'own "name"') == body.replace(b'"gpt-x"', b'"own \\"name\\""', 1)


@pytest.mark.parametrize("name", [b'"model"', b'"mod\\u0065l"'])
def test_no_spelling_escapes_the_mapping(name):
    body = b'{"model_of_mine":"a",' + name + b':"gpt-x","messages":[]}'
    assert json.loads(prepared(body, "own"))["model"] == "own"


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name.casefold() not in READ),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
        max_size=4,
    ),
    st.sampled_from([None, 0, 2]),
)
def test_a_request_without_stream_goes_on_untouched(more, indent):
    body = json.dumps({**more, **GOOD}, indent=indent).encode()
    assert prepared(body) == body
