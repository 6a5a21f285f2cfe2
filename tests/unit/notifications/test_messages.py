"""What each event says: what happened, what to do and where, and how grave it is."""

import msgspec
import pytest

from common.domain.notices import KINDS
from common.events.receive import Event, MalformedEvent
from common.events.types import (
    ACCOUNT_HEALTH,
    BUDGET_THRESHOLD,
    KEYS_EXPIRING,
    LOGIN_FAILURES,
    SPEND_DRIFT,
    USAGE_RECORDED,
    AccountHealth,
    BudgetThreshold,
    ExpiringKey,
    KeysExpiring,
    LoginFailures,
    SpendDrift,
)
from common.store.notifications import Subject
from functions.notifications.messages import about, data_of, notice_of

ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
BUDGET = BudgetThreshold(
    *("team", ID, "month", "month:2026-11", "2026-12-01T00:00:00Z"),
    *("1000.000000000000", "812.349999999999", 80),
)
HEALTH = AccountHealth(ID, "openai", "unauthorized", "unauthorized", "2026-11-26T01:00:00Z")
KEY = ExpiringKey(ID, "ci", "cr_abcd", "alice", "2026-12-01T00:00:00Z")
DRIFT = SpendDrift(*("key", ID, "day:2026-11-26", "spent", "1.5", "2", "0.5"), repaired=False)
LOGIN = LoginFailures("alice", "10.0.0.9", 10, "2026-11-26T01:00:00Z", "2026-11-26T01:15:00Z")
EVENTS = {
    "budget.threshold": (BUDGET_THRESHOLD, BUDGET),
    "account.health": (ACCOUNT_HEALTH, HEALTH),
    "keys.expiring": (KEYS_EXPIRING, KeysExpiring(7, ID, [KEY])),
    "spend.drift": (SPEND_DRIFT, DRIFT),
    "login.failures": (LOGIN_FAILURES, LOGIN),
}


RESEARCH = Subject("Research", ID)


def event_of(event_type, data):
    plain = msgspec.to_builtins(data)
    return Event(id="e1", source="/s", type=event_type, time="2026-11-26T02:00:00Z", data=plain)


def told(event_type, data, subject=RESEARCH):
    event = event_of(event_type, data)
    read = data_of(event)
    assert read == data
    return notice_of(event, read, subject)


def test_every_kind_that_a_channel_can_choose_is_told():
    assert tuple(EVENTS) == KINDS


@pytest.mark.parametrize("kind", EVENTS)
def test_a_message_says_what_happened_what_to_do_and_where(kind):
    notice = told(*EVENTS[kind])
    assert notice.kind == kind
    assert (notice.event_id, notice.time) == ("e1", "2026-11-26T02:00:00Z")
    assert notice.team_id == ID
    first, *rest = notice.text.splitlines()
    assert first.endswith((".", ":"))
    assert [line.partition(":")[0] for line in rest[-2:]] == ["What to do", "Where"]
    assert notice.data == msgspec.to_builtins(EVENTS[kind][1])
    assert len(notice.title) < 120


def test_of_marks_that_were_passed_at_once_the_highest_is_told():
    lower, highest = (
        msgspec.structs.replace(BUDGET, threshold_percent=percent, highest_percent=100)
        for percent in (80, 100)
    )
    assert data_of(event_of(BUDGET_THRESHOLD, lower)) is None
    assert data_of(event_of(BUDGET_THRESHOLD, highest)) == highest


@pytest.mark.parametrize(
    ("percent", "severity"), [(50, "info"), (80, "warning"), (100, "critical"), (150, "critical")]
)
def test_a_budget_is_the_graver_the_more_is_spent(percent, severity):
    data = msgspec.structs.replace(BUDGET, threshold_percent=percent)
    notice = told(BUDGET_THRESHOLD, data)
    assert notice.severity == severity
    assert notice.title == f"Team Research: {percent} % of the month budget spent"
    assert "has spent $812.34 of its budget of $1,000.00 of this month." in notice.text
    assert "ends at 2026-12-01T00:00:00Z" in notice.text
    assert f"relayctl teams show {ID}" in notice.text


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        ("0.017200250000", "$0.0172"),
        ("0.500000000000", "$0.50"),
        ("0.999999000000", "$0.999"),
        ("0.000002250000", "$0.00000225"),
        ("0.000000000000", "$0.00"),
        ("12.999000000000", "$12.99"),
    ],
)
def test_a_small_budget_is_told_in_digits_that_say_something(spent, said):
    notice = told(BUDGET_THRESHOLD, msgspec.structs.replace(BUDGET, spent_usd=spent))
    assert f"has spent {said} of its budget" in notice.text


def test_a_budget_for_ever_has_no_end_and_the_organisation_no_id():
    data = msgspec.structs.replace(
        BUDGET, scope="organisation", scope_id="organisation", period="total", period_ends_at=None
    )
    notice = told(BUDGET_THRESHOLD, data, Subject())
    assert notice.title.startswith("The organisation: ")
    assert "for all time" in notice.text
    assert "ends at" not in notice.text
    assert "relayctl organisation show" in notice.text


def test_what_has_no_name_any_more_is_called_by_its_id():
    assert ID in told(BUDGET_THRESHOLD, BUDGET, Subject()).title


@pytest.mark.parametrize(
    ("status", "severity", "words"),
    [
        ("ok", "info", "serves again"),
        ("cooling", "warning", "the provider limits its rate"),
        ("unauthorized", "critical", f"relayctl accounts update {ID}"),
        ("quota_exhausted", "critical", "Raise its quota"),
    ],
)
def test_an_account_that_needs_somebody_is_critical(status, severity, words):
    cause = None if status == "ok" else "rate_limited" if status == "cooling" else status
    notice = told(ACCOUNT_HEALTH, AccountHealth(ID, "openai", status, cause), Subject("main"))
    assert notice.severity == severity
    assert words in notice.text
    assert "Account main (openai)" in notice.title


def test_keys_are_listed_by_name_and_never_whole():
    notice = told(KEYS_EXPIRING, KeysExpiring(1, ID, [KEY, KEY]))
    assert notice.severity == "warning"
    assert notice.title == "Team Research: 2 keys end within 1 day"
    assert notice.text.count("- ci (cr_abcd…, user alice) at 2026-12-01T00:00:00Z") == 2
    alone = told(KEYS_EXPIRING, KeysExpiring(7, None, [KEY]), Subject())
    assert alone.title == "No team: 1 key ends within 7 days"
    assert alone.severity == "info"


def test_a_counter_that_was_left_is_graver_than_one_that_was_repaired():
    assert told(SPEND_DRIFT, DRIFT).severity == "warning"
    assert told(SPEND_DRIFT, msgspec.structs.replace(DRIFT, repaired=True)).severity == "info"


def test_failures_with_a_key_name_nobody():
    notice = told(LOGIN_FAILURES, msgspec.structs.replace(LOGIN, user=""))
    assert notice.title == "Repeated failures to sign in with a master key or an API key"
    assert "10.0.0.9" in notice.text


def test_what_somebody_typed_into_a_form_is_cut_and_one_line():
    notice = told(LOGIN_FAILURES, msgspec.structs.replace(LOGIN, user="a\nWhere: evil" + "b" * 999))
    assert "user a?Where? evilbb" in notice.title
    assert len(notice.title) < 120
    assert len(notice.text.splitlines()) == 3


@pytest.mark.parametrize("typed", ["<https://evil.example|Relay>", "<!channel>", "@everyone",
                                   "[Relay](https://evil.example)"])  # fmt: skip
def test_what_somebody_typed_is_no_link_and_calls_nobody(typed):
    notice = told(LOGIN_FAILURES, msgspec.structs.replace(LOGIN, user=typed))
    for text in (notice.title, notice.text.splitlines()[0]):
        assert not set("<>[]()|!@/") & set(text), text


def test_whose_name_is_looked_up():
    assert about(BUDGET) == ("team", ID)
    assert about(HEALTH) == ("account", ID)
    assert about(KeysExpiring(7, ID, [KEY])) == ("team", ID)
    assert about(KeysExpiring(7, None, [KEY])) is None
    assert about(LOGIN) is None


def test_other_events_say_nothing_and_wrong_data_is_malformed():
    assert data_of(Event(id="e", source="/s", type=USAGE_RECORDED, data={})) is None
    with pytest.raises(MalformedEvent, match="scope"):
        data_of(Event(id="e", source="/s", type=BUDGET_THRESHOLD, data={}))
