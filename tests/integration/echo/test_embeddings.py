"""/v1/embeddings and /v1/moderations as OpenAI's SDK sees them."""

import math

import httpx
import openai
import pytest

SMALL = "text-embedding-3-small"


def test_embeddings(sdk, echo):
    answer = sdk.embeddings.create(model=SMALL, input=["hello my world", "a"])
    assert [len(one.embedding) for one in answer.data] == [1536, 1536]
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (4, 4)
    (record,) = echo.requests()
    assert (record["endpoint"], record["model"]) == ("/v1/embeddings", SMALL)
    assert (record["input_tokens"], record["output_tokens"]) == (4, 0)
    floats = sdk.embeddings.create(model=SMALL, input="a", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(list(answer.data[1].embedding))
    large = sdk.embeddings.create(model="text-embedding-3-large", input=[[1, 2, 3]])
    assert (len(large.data[0].embedding), large.usage.prompt_tokens) == (3072, 3)
    assert len(sdk.embeddings.create(model=SMALL, input="a", dimensions=7).data[0].embedding) == 7


def test_faults_of_embeddings(sdk, echo, client):
    with pytest.raises(openai.RateLimitError):
        sdk.embeddings.create(model=SMALL, input=["a", "b [[echo status=429]]"])
    with pytest.raises(openai.BadRequestError, match="does nothing at /v1/embeddings"):
        sdk.embeddings.create(model=SMALL, input="a [[echo words=3]]")
    body = {"model": SMALL, "input": "a [[echo half_json]]"}
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/v1/embeddings", json=body)
    answer = client.post("/v1/embeddings", json=body | {"input": "a [[echo usage=none]]"})
    assert "usage" not in answer.json()
    assert [one["completed"] for one in echo.requests()] == [False, False, False, True]


def test_moderations(sdk, echo):
    answer = sdk.moderations.create(input=["all is well", "self-harm/intent"])
    well, bad = answer.results
    assert answer.model == "omni-moderation-2024-09-26"
    assert (well.flagged, bad.flagged, bad.categories.self_harm_intent) == (False, True, True)
    assert bad.category_scores.self_harm_intent > 0.9 > bad.category_scores.hate
    assert bad.category_applied_input_types.hate == ["text"]
    again = sdk.moderations.create(input="all is well")
    assert again.results[0].category_scores == well.category_scores
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    (seen,) = sdk.moderations.create(input=[{"type": "text", "text": "hate"}, picture]).results
    assert (seen.categories.hate, seen.category_applied_input_types.violence) == (
        True,
        ["text", "image"],
    )
    assert echo.requests()[0]["endpoint"] == "/v1/moderations"
    with pytest.raises(openai.InternalServerError):
        sdk.moderations.create(input="[[echo status=500]]")
