"""Images: prompts in JSON, edits in forms, answers with figures or without."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.domain.refusals import Reason, Refusal
from common.domain.usage import Tokens
from tests.support.forms import form_of, part
from tests.support.splits import copy_of, splits

IMAGES = OPERATIONS["images.generations"]
FORMS = [OPERATIONS["images.edits"], OPERATIONS["images.variations"]]
PICTURE = part("image", b"\x89PNG\r\n\x1a\n\r\n", "a.png")
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1056,
    "total_tokens": 1106,
}


def parsed(**members):
    return IMAGES.parse_request(json.dumps({"prompt": "a cat", **members}).encode())


def test_what_is_read():
    assert parsed() == ParsedRequest(model="dall-e-2", input_estimate=2)
    assert parsed(model=None, n=None, stream=None) == parsed()
    assert parsed(model="gpt-image-1", n=4, stream=True, prompt="größe") == ParsedRequest(
        model="gpt-image-1", choices=4, stream=True, input_estimate=2
    )


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"n": 0}, "n"),
        ({"n": "2"}, "n"),
        ({"n": 2**31}, "n"),
        ({"stream": "true"}, "stream"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        parsed(**members)
    assert caught.value.field == field


def test_a_prompt_is_needed():
    with pytest.raises(BadRequest, match="Missing required parameter: 'prompt'"):
        IMAGES.parse_request(b'{"model":"gpt-image-1"}')


def test_only_the_models_name_is_changed():
    body = b'{"prompt":"\\u0061", "model" :"gpt-image-1", "n":1.0e0}'.replace(b"1.0e0", b"1")
    request = IMAGES.parse_request(body)
    assert IMAGES.prepare_request(body, request, "gpt-image-1") == body
    changed = IMAGES.prepare_request(body, request, "own")
    assert changed == body.replace(b"gpt-image-1", b"own")


@pytest.mark.parametrize("operation", FORMS)
@given(
    st.permutations([PICTURE, part("model", b"gpt-image-1"), part("prompt", b"a cat")]),
    st.booleans(),
)
def test_a_form_is_read_in_any_order_and_changed_in_one_place(operation, parts, quoted):
    sent = form_of(*parts, quoted=quoted)
    request = operation.parse_request(*sent)
    assert request == ParsedRequest(model="gpt-image-1", input_estimate=2)
    same = operation.prepare_request(sent.body, request, "gpt-image-1", sent.content_type)
    assert same == sent.body
    changed = operation.prepare_request(sent.body, request, "own", sent.content_type)
    assert changed == sent.body.replace(b"\r\n\r\ngpt-image-1\r\n", b"\r\n\r\nown\r\n")


@pytest.mark.parametrize("operation", FORMS)
def test_a_form_without_a_model_gets_the_accounts_own(operation):
    sent = form_of(PICTURE)
    request = operation.parse_request(*sent)
    assert (request.model, request.input_estimate) == ("dall-e-2", 0)
    assert operation.prepare_request(sent.body, request, "dall-e-2") == sent.body
    changed = operation.prepare_request(sent.body, request, "own", sent.content_type)
    assert changed == form_of(part("model", b"own"), PICTURE).body


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        (b"true", True),
        (b"True", True),
        (b"1", True),
        (b"false", False),
        (b"0", False),
        (b"", False),
    ],
)
def test_a_form_says_in_words_that_it_streams(text, stream):
    sent = form_of(PICTURE, part("stream", text))
    assert FORMS[0].parse_request(*sent).stream is stream


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_form_has_a_picture(name):
    assert FORMS[0].parse_request(*form_of(part(name, b"x", "a.png"))).model == "dall-e-2"
    with pytest.raises(BadRequest, match="Missing required parameter: 'image'") as caught:
        FORMS[0].parse_request(*form_of(part("mask", b"x", "a.png")))
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (part("model", b" "), "model"),
        (part("model", b"m" * 257), "model"),
        (part("model", b"m", "m.txt"), "model"),
        (part("stream", b"yes"), "stream"),
        (part("prompt", b"\xff"), "prompt"),
    ],
)
def test_the_field_of_a_form_at_fault_is_named(bad, field):
    with pytest.raises(BadRequest) as caught:
        FORMS[0].parse_request(*form_of(PICTURE, bad))
    assert caught.value.field == field


@pytest.mark.parametrize("operation", [IMAGES, *FORMS])
def test_answers(operation):
    body = {"created": 1, "data": [{"b64_json": "AA=="}]}
    answer = operation.read_answer(json.dumps(body | {"usage": USAGE}).encode())
    assert answer.tokens == Tokens(input=50, output=1056)
    assert answer.model is None
    # dall-e counts pictures, which the ledger has no class for.
    answer = operation.read_answer(json.dumps(body).encode())
    assert (answer.tokens, answer.output_estimate) == (None, 0)
    for other in (b"", b"{}", b'{"data":{}}', b"\xff", b'{"error":{"message":"m"}}'):
        assert operation.read_answer(other) is None


@pytest.mark.parametrize(
    ("operation", "kind"), [(IMAGES, "image_generation"), (FORMS[0], "image_edit")]
)
@given(st.data())
def test_streams_however_the_network_splits_them(operation, kind, data):
    def event(name, **more):
        value = {"type": f"{kind}.{name}", "b64_json": "A" * 40, **more}
        return f"event: {kind}.{name}\ndata: {json.dumps(value)}\n\n".encode()

    sent = event("partial_image", partial_image_index=0) + event("completed", usage=USAGE)
    stream = operation.stream_copy(ParsedRequest(model="m", stream=True))
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == Tokens(input=50, output=1056)
    assert stream.saw_terminal
    assert stream.output_estimate == 0


@pytest.mark.parametrize("operation", [IMAGES, *FORMS])
def test_a_stream_is_ended_by_an_error(operation):
    event = operation.stream_error_event(Refusal(Reason.UPSTREAM_CUT, "cut"), "id-1")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "upstream_cut"
