"""Responses in the background and message batches: reserved whole, settled once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from common.domain.jobs import JOB_MS_MAX
from common.domain.money import pico_from_usd
from common.identifiers import now_ms
from common.price_book import current_price_book
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from tests.support.jobs import (
    BATCHES,
    FAULT,
    RESPONSES,
    SOON_MS,
    bearer,
    begin,
    begin_batch,
    budgeted,
    check_settled,
    look,
    money,
    nano,
    open_jobs,
    show,
)
from tests.support.relay_process import PREFIX, RelayProcess, eventually, run

NEVER = "background_ms=3600000"


@pytest.fixture
def own(tmp_path, redis_server, echo):
    """A relay that the test may kill."""
    with RelayProcess(tmp_path, redis_server, echo.url) as process:
        process.reset()
        yield process


BEGIN = pytest.mark.parametrize("begins", [begin, begin_batch], ids=["response", "batch"])


def expire(relay, at_ms):
    """As any admit would do at that time."""

    async def expired():
        commands = RedisPyCommands.from_url(relay.redis.url)
        count = await Admission(commands, PREFIX, at_ms).expire(100)
        await commands.close()
        return count

    return run(expired())


@BEGIN
def test_the_worst_case_is_held_until_the_task_settles(relay, echo, begins):
    key = budgeted(relay, concurrency=1)
    answer = begins(relay, key, NEVER)
    assert answer.status_code == 200, answer.text
    spent, reserved = money(relay)
    assert (spent, relay.records()) == (0, [])
    assert reserved > 0
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
    for turn in range(1, 51):
        # One that went on at the last look is looked at again a tenth of its age later.
        settled += look(relay, echo.url, after_ms=turn * SOON_MS)["settled"]
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


def test_a_job_that_costs_more_than_was_reserved_is_posted_in_full_and_reported(relay):
    key = budgeted(relay)
    answer = begin(relay, key, "reasoning=99999", max_output_tokens=16)
    _, reserved = money(relay)
    assert show(relay, key, answer).json()["status"] == "completed"
    record = check_settled(relay, answer, (3, 100_002))
    (line,) = [
        one
        for one in relay.log_lines("reservation_exceeded")
        if one["request_id"] == answer.headers["x-request-id"]
    ]
    assert (line["reserved_nano_usd"], line["spent_nano_usd"]) == (reserved, nano(record))


@BEGIN
def test_a_caller_who_leaves_before_the_answer_leaves_a_job(relay, echo, begins):
    key = budgeted(relay)
    with pytest.raises(httpx.TimeoutException):
        begins(relay, key, "delay_ms=1500", timeout=0.8)
    eventually(lambda: open_jobs(relay) == 1)
    assert relay.records() == []
    assert look(relay, echo.url)["settled"] == 1
    assert money(relay) == (nano(relay.only_record()), 0)


def test_a_response_in_the_background_must_be_stored(relay):
    answer = begin(relay, relay.key, store=False)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "store")
