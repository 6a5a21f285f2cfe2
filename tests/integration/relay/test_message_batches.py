"""Message batches: listed for their own tenant, refused by name, billed by what succeeded."""

import pytest

from tests.support.jobs import BATCHES, bearer, begin_batch, budgeted, check_settled, look


def test_batches_are_listed_for_their_own_tenant_only(relay):
    key, other = relay.project_key(), relay.project_key()
    ids = [begin_batch(relay, key, count=1).json()["id"] for _ in range(3)][::-1]
    foreign = begin_batch(relay, other, count=1).json()["id"]

    def page(asking, **query):
        answer = relay.client.get(BATCHES, params=query, headers=bearer(asking))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return [one["id"] for one in body["data"]], body["has_more"]

    assert page(other) == ([foreign], False)
    assert page(key) == (ids, False)
    assert page(key, limit=2) == (ids[:2], True)
    assert page(key, limit=2, after_id=ids[1]) == (ids[2:], False)
    assert page(key, limit=1, before_id=ids[2]) == (ids[1:2], True)
    for query in ({"limit": "0"}, {"after_id": foreign}):
        answer = relay.client.get(BATCHES, params=query, headers=bearer(key))
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "requests"),
        ([{"custom_id": "a", "params": {"model": "claude-sonnet-4-5"}}], "params.max_tokens"),
        ([{"custom_id": "a", "params": {"model": "m", "max_tokens": 0}}], "max_tokens"),
        (
            [
                {"custom_id": "a", "params": {"model": "claude-sonnet-4-5", "max_tokens": 1}},
                {"custom_id": "b", "params": {"model": "claude-haiku-4-5", "max_tokens": 1}},
            ],
            "requests[1]",
        ),
    ],
)
def test_what_is_no_batch_is_refused_by_name(relay, requests, field):
    answer = relay.client.post(BATCHES, json={"requests": requests}, headers=bearer(relay.key))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert field.rpartition(".")[2] in error["message"]


def test_what_has_no_bound_in_a_batch_is_refused_under_a_hard_budget(relay):
    key = budgeted(relay)
    answer = begin_batch(relay, key, mcp_servers=[{"url": "u"}])
    assert answer.status_code == 400
    assert "requests[0].params.mcp_servers" in answer.json()["error"]["message"]
    assert money_untouched(relay)


def money_untouched(relay):
    return relay.open_leases() == (0, 0) and relay.records() == []


def test_a_failed_request_of_a_batch_costs_nothing(relay, echo):
    key = budgeted(relay)
    good = {"role": "user", "content": "one two"}
    bad = {"role": "user", "content": "a [[echo status=500]]"}
    asked = [
        {"custom_id": str(n), "params": {
            "model": "claude-sonnet-4-5", "max_tokens": 10, "messages": [turn]}}
        for n, turn in enumerate((good, bad))
    ]  # fmt: skip
    answer = relay.client.post(BATCHES, json={"requests": asked}, headers=bearer(key))
    assert answer.status_code == 200
    assert look(relay, echo.url)["settled"] == 1
    check_settled(relay, answer, (2, 2))
