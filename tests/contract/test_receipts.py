"""From an SDK's answer to its receipt, through the front door: `x-request-id` is the handle."""

import time
from decimal import Decimal

import anthropic
import httpx
import openai
import pytest

from common.identifiers import new_ulid

QUESTION = [{"role": "user", "content": "[[echo words=40 cached=0 reasoning=3]] hello my world"}]
WAIT_S_MAX = 60.0


def receipt_of(client, path, request_id):
    """Asked for until it is there."""
    end = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < end:
        answer = client.get(f"{path}/{request_id}", cast_to=object)
        if answer["status"] != "pending":
            return answer
        time.sleep(0.1)
    raise TimeoutError(request_id)


def adds_up(receipt):
    lines = receipt["price"]["lines"]
    return Decimal(receipt["cost_usd"]) == sum(Decimal(line["cost_usd"]) for line in lines) > 0


@pytest.fixture
def drained(stack):
    """A key of a team whose streams are read on when their callers leave."""
    body = {"name": f"drained {new_ulid()}", "budgets": [{"period": "day", "usd": "5"}],
            "client_gone": {"policy": "drain", "drain_seconds": 20}}  # fmt: skip
    answer = httpx.post(
        f"{stack.url}/internal/teams",
        headers={"authorization": f"Bearer {stack.master_key}"},
        json=body,
    )
    return stack.create_key("drained", team_id=answer.json()["id"])


def test_a_stream_of_openais(stack, drained):
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=drained, max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=QUESTION, stream=True, max_tokens=2000,
        )  # fmt: skip
        list(raw.parse())
        receipt = receipt_of(sdk, "/usage", raw.headers["x-request-id"])
        assert (receipt["finish_cause"], receipt["usage_source"]) == ("complete", "reported")
        assert receipt["reported_usage"]["completion_tokens"] == receipt["tokens"]["output"] == 43
        assert adds_up(receipt)
        assert receipt["policy"]["limits"] == [
            {"level": "team", "limit": "budget.day", "most": "$5 per day", "policy": "clamp"}
        ]
        assert Decimal(receipt["policy"]["reserved_usd"]) > Decimal(receipt["cost_usd"])
        listed = sdk.get("/usage", cast_to=object)["items"]
        assert [one["request_id"] for one in listed] == [receipt["request_id"]]


def test_a_stream_of_anthropics_whose_caller_left(stack, drained):
    with anthropic.Anthropic(base_url=stack.url, api_key=drained, max_retries=0) as sdk:
        content = "[[echo words=60 chunk_delay_ms=10]] hello my world"
        with sdk.messages.with_streaming_response.create(
            model="claude-haiku-4-5", max_tokens=500, stream=True,
            messages=[{"role": "user", "content": content}],
        ) as raw:  # fmt: skip
            next(raw.iter_bytes(10))
        receipt = receipt_of(sdk, "/v1/usage", raw.headers["x-request-id"])
    assert (receipt["status"], receipt["finish_cause"]) == ("cancelled", "client_gone")
    assert (receipt["usage_source"], receipt["tokens"]["output"]) == ("reported", 60)
    assert receipt["policy"]["client_gone"] == {
        "policy": "drain", "drain_seconds": 20, "level": "team", "applied": True,
    }  # fmt: skip
    assert adds_up(receipt)


def test_of_others_there_is_none(stack, sdk, drained):
    raw = sdk.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=QUESTION)
    with (
        openai.OpenAI(base_url=f"{stack.url}/v1", api_key=drained, max_retries=0) as other,
        pytest.raises(openai.NotFoundError),
    ):
        other.get(f"/usage/{raw.headers['x-request-id']}", cast_to=object)
