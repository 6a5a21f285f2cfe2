"""What a change sends of members that the server takes whole."""

from tests.support.admin_cli import run
from tests.support.admin_server import Answer

__all__ = ["run"]
ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"


def test_what_is_not_given_of_limits_access_and_calendar_stays_as_it_is(run):
    now = {
        "id": ID,
        "limits": {"requests_per_day": 9, "concurrency": 2, "tokens_per_day": None},
        "access": {"clients": ["curl"], "models": {"allow": ["a*"], "deny": ["b"]}},
        "calendar": {"timezone": "Europe/Berlin", "day_starts_at": 0},
    }
    run.server.says(Answer(200, now, {"etag": '"7"'}), {"id": ID})
    given = ("--limit", "concurrency=5", "--deny", "c", "--day-starts-at", "6")
    assert run("teams", "update", ID, *given).exit_code == 0
    asked = run.server.asked[-1]
    assert asked.headers["if-match"] == '"7"'
    assert asked.body == {
        "limits": {"requests_per_day": 9, "concurrency": 5},
        "access": {"clients": ["curl"], "models": {"allow": ["a*"], "deny": ["c"]}},
        "calendar": {"timezone": "Europe/Berlin", "day_starts_at": 6},
    }
