"""The event of an account whose health has changed."""

import pytest

from common.announcing import announce_health
from common.domain.account_health import OK, Health, health_of
from common.events.types import ACCOUNT_HEALTH, SOURCE_CLEANUP, AccountHealth

START_MS = 1_800_000_000_000
ILL = Health("unauthorized", "open", "unauthorized", START_MS, START_MS + 900_000)

LOST = ("unauthorized", "half_open", "unauthorized")
SPENT = ("quota_exhausted", "open", "quota_exhausted")


async def told(health, answer="", moment_ms=START_MS + 5):
    sent = []

    async def send(announcement):
        sent.append(announcement)
        return answer

    taken = await announce_health(SOURCE_CLEANUP, "01A", "openai", health, moment_ms, send)
    return taken, sent[0]


async def test_it_says_what_rests_until_when_and_is_the_same_each_time():
    taken, sent = await told(ILL)
    assert taken
    assert (sent.type, sent.source, sent.subject) == (ACCOUNT_HEALTH, SOURCE_CLEANUP, "01A")
    assert sent.data == AccountHealth(
        "01A",
        "openai",
        "unauthorized",
        "unauthorized",
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:15:00Z",
    )
    again = await told(ILL, moment_ms=START_MS + 600_000)
    assert again[1].id == sent.id
    later = Health("unauthorized", "open", "unauthorized", START_MS + 1, START_MS + 900_000)
    assert (await told(later))[1].id != sent.id


async def test_what_is_not_taken_is_not_told():
    assert not (await told(OK, "the sink answered 503"))[0]
    assert await announce_health(SOURCE_CLEANUP, "01A", "openai", OK, START_MS, None)


@pytest.mark.parametrize(
    ("kept", "health"),
    [
        ("2000 1000 0 500 timed_out -", Health("cooling", "open", "timed_out", 500, 2000)),
        ("1000 1000 0 500 timed_out r1", Health("cooling", "half_open", "timed_out", 500, 1000)),
        ("1000 1000 1 500 rate_limited -", OK),
        ("1000 0 0 1000 unauthorized -", Health(*LOST, 1000, 1000)),
        ("9000 8000 1 500 quota_exhausted -", Health(*SPENT, 500, 9000)),
        ("2000 1000 0 500 of_a_newer_relay -", Health("cooling", "open", "failing", 500, 2000)),
        ("2000", Health("cooling", "open", "failing", 2000, 2000)),
        ("1000", OK),
    ],
)  # fmt: skip
def test_what_is_kept_reads_as_health(kept, health):
    assert health_of(kept, 1500) == health
