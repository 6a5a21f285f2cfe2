"""The official SDK makes message batches of the echo provider, which counts what it bills."""

import time

import anthropic
import pytest


@pytest.fixture
def batches(echo):
    with anthropic.Anthropic(base_url=echo.url, api_key="k", max_retries=0) as client:
        yield client.messages.batches


def of(*contents):
    return [
        {
            "custom_id": f"r{number}",
            "params": {
                "model": "claude-haiku-4-5",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": content}],
            },
        }
        for number, content in enumerate(contents)
    ]


def test_a_batch_ends_and_is_counted(batches, echo):
    made = batches.create(
        requests=of("one two", "three [[echo status=500]]", "four [[echo reasoning=5]]"),
        extra_headers={"x-echo-fault": "background_ms=300"},
    )
    assert (made.processing_status, made.request_counts.processing) == ("in_progress", 3)
    assert made.results_url is None
    with pytest.raises(anthropic.BadRequestError, match="in progress"):
        batches.delete(made.id)
    time.sleep(0.35)
    ended = batches.retrieve(made.id)
    assert (ended.request_counts.succeeded, ended.request_counts.errored) == (2, 1)
    results = {one.custom_id: one.result for one in batches.results(made.id)}
    assert [results[name].type for name in ("r0", "r1", "r2")] == [
        *("succeeded", "errored", "succeeded"),
    ]
    used = [one.message.usage for one in results.values() if one.type == "succeeded"]
    totals = echo.totals()
    assert totals["input_tokens"] == sum(one.input_tokens for one in used)
    assert totals["output_tokens"] == sum(one.output_tokens for one in used) == 8
    assert next(batch.id for batch in batches.list()) == made.id
    batches.delete(made.id)
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(made.id)


def test_a_batch_is_cancelled(batches):
    never = {"x-echo-fault": "background_ms=3600000"}
    made = batches.create(requests=of("a", "b"), extra_headers=never)
    assert batches.cancel(made.id).request_counts.canceled == 2
    assert [one.result.type for one in batches.results(made.id)] == ["canceled"] * 2


@pytest.mark.parametrize(
    ("requests", "said"), [([], "at least one"), (of("a") * 2, "unique"), ([{}], "custom_id")]
)
def test_what_is_refused(batches, requests, said):
    with pytest.raises(anthropic.BadRequestError, match=said):
        batches.create(requests=requests)
