"""A task's turn, and what of an event is kept, without any store."""

from datetime import UTC, datetime

import pytest

from common.events.receive import parse
from functions.cleanup.dead_letters import attributes_of
from functions.cleanup.lease import LEASE_MS, RENEW_EVERY_S, slot_of
from functions.cleanup.run import TASKS
from functions.cleanup.turn import DURATION_S_MAX, Turn

# knative/310-trigger-cron.yaml
TRIGGER_TIMEOUT_S = 300
MOMENT = datetime(2026, 11, 24, 2, tzinfo=UTC)


def test_times_are_counted_from_the_time_that_is_given():
    turn = Turn(int(MOMENT.timestamp() * 1000))
    assert turn.now == MOMENT
    assert turn.ago(31) == datetime(2026, 10, 24, 2, tzinfo=UTC)
    assert not turn.over


def test_a_turn_without_time_is_over():
    assert Turn(0, duration_s=0).over


def test_counts_begin_at_none_and_are_what_is_watched():
    turn = Turn(0)
    counts = turn.counts("one", "two")
    counts["one"] += 3
    assert turn.done == {"one": 3, "two": 0}


def test_a_turn_ends_before_its_tick_does():
    """One statement of half a minute after the end included."""
    assert DURATION_S_MAX + 30 < TRIGGER_TIMEOUT_S


def test_a_turn_can_be_stopped():
    turn = Turn(0)
    turn.stop()
    assert turn.over


def test_a_lease_outlives_a_renewal_that_fails():
    assert RENEW_EVERY_S * 2 < LEASE_MS / 1000


@pytest.mark.parametrize(
    ("time", "slot"),
    [
        ("2026-11-24T02:10:00Z", "2026-11-24T02:10Z"),
        ("2026-11-24t02:10:59.999999999z", "2026-11-24T02:10Z"),
        ("2026-11-24T02:10:00-05:30", "2026-11-24T07:40Z"),
        ("2026-13-24T02:10:00Z", ""),
        (None, ""),
    ],
)
def test_the_slot_of_a_tick_is_its_minute(time, slot):
    assert slot_of(time) == slot


def test_names_of_tasks_are_in_order_for_who_reads_them():
    assert list(TASKS) == sorted(TASKS)


def test_all_attributes_are_kept_so_that_the_event_can_be_sent_again():
    given = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t",
        "subject": "ü",
        "time": "2026-11-24T02:00:00Z",
        "dataschema": "https://example.com/schema",
        "knativeerrorcode": "500",
    }
    headers = {f"ce-{name}": value.replace("ü", "%C3%BC") for name, value in given.items()}
    event = parse(headers | {"content-type": "text/plain"}, b"text")
    assert attributes_of(event) == given | {"datacontenttype": "text/plain"}
    bare = parse({f"ce-{name}": "1.0" for name in ("specversion", "id", "source", "type")}, b"")
    assert set(attributes_of(bare)) == {"specversion", "id", "source", "type"}
