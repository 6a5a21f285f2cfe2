"""Lists of models: OpenAI's whole, Anthropic's in pages that show each model once."""

import json
from urllib.parse import urlencode

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import DIALECTS
from common.dialects.base import BadRequest

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
MODELS = st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=12)
NUMBERED = [f"m{number}" for number in range(30)]


def page(models, **query):
    answer = json.loads(ANTHROPIC.models_response(models, urlencode(query)))
    ids = [model["id"] for model in answer["data"]]
    assert answer["first_id"] == (ids[0] if ids else None)
    assert answer["last_id"] == (ids[-1] if ids else None)
    return ids, answer["has_more"]


@given(MODELS, st.integers(1, 5))
def test_pages_forward_walk_the_list_once(models, limit):
    ids, more = page(models, limit=limit)
    walked = ids
    while more:
        assert len(ids) == limit
        ids, more = page(models, limit=limit, after_id=walked[-1])
        walked = walked + ids
        assert len(walked) <= len(models)
    assert walked == models


@given(MODELS.filter(bool), st.integers(1, 5))
def test_pages_backward_walk_the_list_once(models, limit):
    walked, more = models[-1:], True
    while more:
        ids, more = page(models, limit=limit, before_id=walked[0])
        assert len(ids) == limit or not more
        walked = ids + walked
        assert len(walked) <= len(models)
    assert walked == models


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, NUMBERED[:20], True),
        ({"limit": 30}, NUMBERED, False),
        ({"limit": 29}, NUMBERED[:29], True),
        ({"limit": 1000}, NUMBERED, False),
        ({"after_id": "m9"}, NUMBERED[10:], False),
        ({"after_id": "m29"}, [], False),
        ({"before_id": "m0"}, [], False),
        ({"before_id": "m25"}, NUMBERED[5:25], True),
        ({"before_id": "m20"}, NUMBERED[:20], False),
        ({"after_id": "m3", "before_id": "m6"}, ["m4", "m5"], False),
        ({"after_id": "m3", "before_id": "m9", "limit": 2}, ["m4", "m5"], True),
        ({"after_id": "m6", "before_id": "m3"}, [], False),
        ({"beta": "true"}, NUMBERED[:20], True),
    ],
)
def test_a_page(query, ids, more):
    assert page(NUMBERED, **query) == (ids, more)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("limit", text)
            for text in ("0", "-1", "1001", "ten", "1.5", "1e2", "²", "٣", " ", "1_0")
        ],
        ("limit", "000001000000"),
        ("limit", "9" * 5000),
        ("after_id", "m99"),
        ("before_id", "m99"),
    ],
)
def test_a_value_without_meaning_is_named(name, value):
    with pytest.raises(BadRequest) as caught:
        page(NUMBERED, **{name: value})
    assert caught.value.field == name
    assert caught.value.status == 400
    assert caught.value.message.startswith(f"{name}: ")


def test_the_official_sdk_walks_all_pages():
    asked = []

    def respond(request):
        asked.append(request.url.query.decode())
        return httpx2.Response(200, content=ANTHROPIC.models_response(NUMBERED, asked[-1]))

    network = httpx2.Client(transport=httpx2.MockTransport(respond))
    with anthropic.Anthropic(api_key="k", http_client=network) as client:
        listed = list(client.models.list(limit=7))
    assert [model.id for model in listed] == NUMBERED
    assert {(model.type, model.display_name == model.id) for model in listed} == {("model", True)}
    assert len(asked) == 5


def test_openai_lists_all_at_once():
    def respond(request):
        return httpx2.Response(200, content=OPENAI.models_response(NUMBERED, "limit=none"))

    network = httpx2.Client(transport=httpx2.MockTransport(respond))
    with openai.OpenAI(api_key="k", http_client=network) as client:
        answer = client.models.list()
    assert answer.object == "list"
    assert [model.id for model in answer.data] == NUMBERED
    assert json.loads(OPENAI.models_response([], "")) == {"object": "list", "data": []}


def test_one_model_is_as_in_the_list():
    for dialect in (OPENAI, ANTHROPIC):
        one = json.loads(dialect.model_response('odd "name"/é'))
        assert one["id"] == 'odd "name"/é'
        assert json.loads(dialect.models_response([one["id"]], ""))["data"] == [one]
    listed = openai.types.Model.model_validate_json(OPENAI.model_response("m"), strict=True)
    assert (listed.object, listed.created) == ("model", 0)
    parsed = anthropic.types.ModelInfo.model_validate(json.loads(ANTHROPIC.model_response("m")))
    assert (parsed.created_at.year, parsed.lifecycle) == (1970, "active")
