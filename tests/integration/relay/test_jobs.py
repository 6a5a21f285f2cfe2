"""Responses in the background and message batches: reserved whole, settled once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from common.domain.jobs import JOB_MS_MAX
from common.domain.money import pico_from_usd
from common.domain.policies import Budget, Limits, Policy
from common.identifiers import now_ms
from common.price_book import current_price_book
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from tests.support.jobs import FAULT, look, money, open_jobs
from tests.support.relay_process import MESSAGES, PREFIX, RelayProcess, eventually, run

RESPONSES, BATCHES = "/v1/responses", f"{MESSAGES}/batches"
NEVER = "background_ms=3600000"


@pytest.fixture
def own(tmp_path, redis_server, echo):
    """A relay that the test may kill."""
    with RelayProcess(tmp_path, redis_server, echo.url) as process:
        process.reset()
        yield process


def budgeted(relay, usd="1", policy="clamp", **limits):
    budget = Budget("total", usd, policy)
    return relay.project_key(policy=Policy(Limits(**limits), (budget,)))


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def begin(relay, key, fault="", **members):
    """A response in the background."""
    body = {"model": "gpt-4o-mini", "input": "a b c", "background": True} | members
    return relay.client.post(RESPONSES, json=body, headers=bearer(key) | {FAULT: fault})


def begin_batch(relay, key, fault="", count=3, **params):
    message = {"role": "user", "content": "one two three four"}
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [message]} | params
    body = {"requests": [{"custom_id": f"r{n}", "params": asked} for n in range(count)]}
    return relay.client.post(BATCHES, json=body, headers=bearer(key) | {FAULT: fault})


BEGIN = pytest.mark.parametrize("begins", [begin, begin_batch], ids=["response", "batch"])


def show(relay, key, answer, method="GET", rest=""):
    path = f"{answer.request.url.path}/{answer.json()['id']}{rest}"
    return relay.client.request(method, path, headers=bearer(key))


def nano(record):
    return -(-pico_from_usd(record.cost_usd) // 1000)


def expire(relay, at_ms):
    """As any admit would do at that time."""

    async def expired():
        commands = RedisPyCommands.from_url(relay.redis.url)
        count = await Admission(commands, PREFIX, at_ms).expire(100)
        await commands.close()
        return count

    return run(expired())


def check_settled(relay, answer, tokens, *, status="ok"):
    """One record, its cost spent, nothing reserved, nothing open."""
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.usage_source) == (status, "reported")
    assert (record.tokens.input, record.tokens.output) == tokens
    assert money(relay) == (nano(record), 0)
    assert relay.open_leases() == (0, 0)
    assert open_jobs(relay) == 0
    assert len(relay.records()) == 1
    return record


@BEGIN
def test_the_worst_case_is_held_until_the_task_settles(relay, echo, begins):
    key = budgeted(relay, concurrency=1)
    answer = begins(relay, key, NEVER)
    assert answer.status_code == 200, answer.text
    spent, reserved = money(relay)
    assert (spent, relay.records()) == (0, [])
    # A lease without an account: neither it nor the limit of concurrency waits for the job.
    assert relay.open_leases() == (1, 0)
    assert look(relay, echo.url) == {"settled": 0, "open": 1, "unreachable": 0}
    assert money(relay) == (0, reserved)
    assert open_jobs(relay) == 1
    again = begins(relay, key, "")
    assert again.status_code == 200
    assert look(relay, echo.url)["settled"] == 1
    record = relay.record(again.headers["x-request-id"])
    assert money(relay) == (nano(record), reserved)


@BEGIN
def test_at_once_and_again_is_as_once(relay, echo, begins):
    answer = begins(relay, budgeted(relay))
    done = look(relay, echo.url, times=4)
    assert done["settled"] == 1
    assert look(relay, echo.url) == {"settled": 0, "open": 0, "unreachable": 0}
    check_settled(relay, answer, (3, 3) if begins is begin else (12, 12))


@BEGIN
def test_a_dry_run_counts_and_changes_nothing(relay, echo, begins):
    begins(relay, budgeted(relay))
    before = money(relay)
    assert look(relay, echo.url, dry_run=True)["settled"] == 1
    assert (money(relay), relay.records(), open_jobs(relay)) == (before, [], 1)


def test_a_read_that_shows_the_end_settles(relay):
    key = budgeted(relay)
    answer = begin(relay, key, "background_ms=300")
    assert answer.json()["status"] == "queued"
    eventually(lambda: show(relay, key, answer).json()["status"] == "completed")
    check_settled(relay, answer, (3, 3))
    for _ in range(2):
        assert show(relay, key, answer).json()["status"] == "completed"
    assert len(relay.records()) == 1


def test_a_read_that_shows_a_batch_has_ended_settles(relay):
    key = budgeted(relay)
    answer = begin_batch(relay, key)
    shown = show(relay, key, answer).json()
    assert shown["processing_status"] == "ended"
    record = check_settled(relay, answer, (12, 12))
    price = current_price_book().find("claude-sonnet-4-5")
    assert pico_from_usd(record.cost_usd) * 2 == 12 * price.input + 12 * price.output
    assert record.endpoint == "messages.batches"
    assert shown["results_url"] == f"{relay.url}{BATCHES}/{shown['id']}/results"
    lines = httpx.get(shown["results_url"], headers=bearer(key)).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["r0", "r1", "r2"]


def test_a_stream_that_comes_to_its_end_settles(relay):
    key = budgeted(relay)
    answer = begin(relay, key, stream=True)
    assert "response.completed" in answer.text
    check_settled(relay, answer, (3, 3))


def test_a_stream_that_is_left_goes_on_and_is_settled(relay, echo):
    key = budgeted(relay)
    body = {"model": "gpt-4o-mini", "input": "a b c d", "background": True, "stream": True}
    headers = bearer(key) | {FAULT: "chunk_delay_ms=400"}
    with relay.client.stream("POST", RESPONSES, json=body, headers=headers) as answer:
        next(answer.iter_bytes())
    eventually(lambda: relay.log_lines("request")[-1]["interruption"] == "client_gone")
    assert (relay.records(), open_jobs(relay)) == ([], 1)
    eventually(lambda: look(relay, echo.url)["settled"] == 1)
    check_settled(relay, answer, (4, 4))


@BEGIN
def test_relay_is_killed_and_the_job_is_settled(own, echo, begins):
    key = budgeted(own)
    answer = begins(own, key)
    _, reserved = money(own)
    own.served.kill()
    # Over half a minute later: the lease is the job's, not the relay's.
    assert expire(own, now_ms() + 60_000) == 0
    assert money(own) == (0, reserved)
    assert look(own, echo.url)["settled"] == 1
    check_settled(own, answer, (3, 3) if begins is begin else (12, 12))


@BEGIN
def test_killed_before_the_answer_charges_the_worst_case(own, begins):
    key = budgeted(own)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(begins, own, key, "delay_ms=5000")
        eventually(lambda: own.open_leases()[0] == 1)
        time.sleep(0.3)
        _, reserved = money(own)
        own.served.kill()
        with pytest.raises(httpx.HTTPError):
            asked.result()
    assert expire(own, now_ms() + 60_000) == 1
    record = own.only_record()
    output = 4096 if begins is begin else 300
    assert (record.status, record.tokens.output) == ("interrupted", output)
    assert money(own) == (nano(record), 0)
    assert nano(record) <= reserved


@BEGIN
def test_a_job_that_never_ends_is_charged_and_a_late_answer_posts_the_difference(
    relay, echo, begins
):
    key = budgeted(relay)
    answer = begins(relay, key, "background_ms=1000")
    _, reserved = money(relay)
    assert expire(relay, now_ms() + JOB_MS_MAX + 1000) == 1
    charged = relay.only_record()
    assert charged.status == "interrupted"
    assert money(relay) == (nano(charged), 0)
    assert 0 < nano(charged) <= reserved
    assert open_jobs(relay) == 1
    eventually(lambda: look(relay, echo.url, times=2)["settled"] == 1)
    posted, adjusted = relay.records()
    assert (adjusted.kind, adjusted.adjusts) == ("adjustment", answer.headers["x-request-id"])
    total = pico_from_usd(posted.cost_usd) + pico_from_usd(adjusted.cost_usd)
    assert money(relay) == (-(-total // 1000), 0)
    assert posted.tokens.output + adjusted.tokens.output == (3 if begins is begin else 12)
    assert (open_jobs(relay), relay.open_leases()) == (0, (0, 0))


@BEGIN
def test_no_budget_is_overshot_by_jobs_at_once(relay, echo, begins):
    worst = begins(relay, budgeted(relay), NEVER)
    assert worst.status_code == 200
    _, each = money(relay)
    relay.reset()
    limit = 5 * each + each // 2
    key = budgeted(relay, f"{limit / 10**9:.9f}", "deny")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: begins(relay, key, "background_ms=500"), range(20)))
    assert sorted(one.status_code for one in answers) == [200] * 5 + [429] * 15
    if begins is begin:
        codes = {one.json()["error"]["code"] for one in answers if one.status_code == 429}
        assert codes == {"budget_reserved"}
    assert money(relay) == (0, 5 * each)
    settled = 0
    for _ in range(50):
        settled += look(relay, echo.url)["settled"]
        spent, reserved = money(relay)
        assert spent + reserved <= limit
        if settled == 5:
            break
        time.sleep(0.05)
    assert money(relay) == (sum(map(nano, relay.records())), 0)
    assert len(relay.records()) == 5


def test_a_clamped_response_charges_no_more_than_was_reserved(own):
    key = budgeted(own, "0.000500")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(begin, own, key, "delay_ms=5000")
        eventually(lambda: own.open_leases()[0] == 1)
        time.sleep(0.3)
        own.served.kill()
        with pytest.raises(httpx.HTTPError):
            asked.result()
    expire(own, now_ms() + 60_000)
    spent, reserved = money(own)
    assert (nano(own.only_record()), reserved) == (spent, 0)
    assert 400_000 < spent <= 500_000


@pytest.mark.parametrize(
    ("fault", "status", "cause"),
    [("failed", "error", "upstream_error"), ("usage=none", "ok", "complete")],
)
def test_how_a_response_ends(relay, echo, fault, status, cause):
    answer = begin(relay, budgeted(relay), fault)
    assert look(relay, echo.url)["settled"] == 1
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == (status, cause)
    if fault == "failed":
        assert (record.tokens.total, record.usage_source) == (0, "reported")
    else:
        assert record.usage_source == "estimated"
        assert record.tokens.input > 0 < record.tokens.output
    assert money(relay) == (nano(record), 0)


@BEGIN
def test_a_job_is_deleted_only_when_it_is_settled(relay, begins):
    key = budgeted(relay)
    answer = begins(relay, key, NEVER)
    denied = show(relay, key, answer, "DELETE")
    assert denied.status_code == 400
    assert "cancel" in denied.json()["error"]["message"]
    cancelled = show(relay, key, answer, "POST", "/cancel")
    assert cancelled.status_code == 200, cancelled.text
    check_settled(relay, answer, (0, 0), status="cancelled")
    assert show(relay, key, answer, "DELETE").status_code == 200
    assert show(relay, key, answer).status_code == 404


@BEGIN
def test_deleting_what_has_ended_settles_it(relay, begins):
    key = budgeted(relay)
    answer = begins(relay, key)
    assert show(relay, key, answer, "DELETE").status_code == 200
    check_settled(relay, answer, (3, 3) if begins is begin else (12, 12))


@BEGIN
def test_anothers_job_does_not_exist(relay, begins):
    key, other = budgeted(relay), relay.project_key()
    answer = begins(relay, key, NEVER)
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
        assert show(relay, other, answer, method, rest).status_code == 404
    assert show(relay, key, answer).status_code == 200


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


def test_a_response_in_the_background_must_be_stored(relay):
    answer = begin(relay, relay.key, store=False)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "store")
