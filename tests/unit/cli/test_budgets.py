"""`relayctl budgets list`: budgets alone of what the tree answers, and how full each is."""

import csv
import json

import pytest

from tests.support.admin_cli import run

__all__ = ["run"]


def budget(most, used, reserved="0"):
    return {
        "limit": "budget.month", "most": most, "used": used, "remaining": "0",
        "reserved": reserved, "policy": "deny", "resets_at": None,
    }  # fmt: skip


RATE = {
    "limit": "requests_per_minute", "most": 60, "used": 1, "remaining": 59, "resets_at": None,
    "reserved": None, "policy": None,
}  # fmt: skip
LEVELS = [
    {"level": "organisation", "id": "o", "name": "", "use": None},
    {"level": "team", "id": "t1", "name": "full", "use": [budget("5", "4.5", "0.49"), RATE]},
    {"level": "team", "id": "t2", "name": "empty", "use": [budget("0", "0")]},
    {"level": "team", "id": "t3", "name": "none", "use": [RATE]},
]


def test_budgets_alone_are_listed_with_how_full_they_are(run):
    run.server.says(*[{"items": LEVELS, "next_cursor": None}] * 3)
    table = run("budgets", "list").stdout
    assert ("99" in table, "none" in table, "requests_per_minute" in table) == (True, False, False)
    rows = list(csv.DictReader(run("budgets", "list", "--output", "csv").stdout.splitlines()))
    assert [(row["name"], row["limit"], row["full"]) for row in rows] == [
        ("", "?", ""), ("full", "budget.month", "99"), ("empty", "budget.month", "100")
    ]  # fmt: skip
    told = json.loads(run("budgets", "list", "--output", "json").stdout)
    assert [one.get("full") for one in told] == [None, 99, 100]


@pytest.mark.parametrize(
    ("options", "path", "query"),
    [
        ((), "/internal/limits/tree", {"limit": "50"}),
        (
            ("--no-team", "--user", "u"), "/internal/limits/tree",
            {"user_id": "u", "no_team": "true", "limit": "50"},
        ),
        (("--user", "u"), "/internal/limits", {"user_id": "u"}),
    ],
)  # fmt: skip
def test_a_place_of_the_tree_is_asked_or_one_user(run, options, path, query):
    run.server.says({"items": LEVELS, "next_cursor": None})
    assert run("budgets", "list", *options).exit_code == 0
    [asked] = run.server.asked
    assert (asked.path, asked.query) == (path, query)
