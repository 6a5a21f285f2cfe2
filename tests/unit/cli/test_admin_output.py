"""Tables, JSON and CSV: aligned, exact, and without what could steer a terminal."""

import csv
import io
import json

import pytest

from tests.support.admin_cli import run

__all__ = ["run"]
ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
CLASSES += ("reasoning", "audio_input", "audio_output")


def tokens(**given):
    return dict.fromkeys(CLASSES, 0) | given


def page(*items, next_cursor=None):
    return {"items": list(items), "next_cursor": next_cursor}


def team(name="a team", **members):
    times = {"created_at": "2026-11-25T12:00:00.000Z", "updated_at": "2026-11-25T12:00:00.000Z"}
    return (
        {"id": ID, "name": name, "description": "", "users": 3, "active_keys": 12} | times | members
    )


def figures(requests, cost, **given):
    used = {"requests": requests, "tokens": tokens(**given), "cost_usd": cost}
    return used | {"unpriced_requests": 0}


SUMS = {
    "items": [
        {"group": {"model": "gpt-4o", "day": "2026-11-24"}}
        | figures(7, "12.500000000000", input=1234567, cache_write_5m=5, cache_write_1h=6),
        {"group": {"model": None, "day": "2026-11-25"}} | figures(120, "0.000008550000", input=9),
    ],
    "total": figures(127, "12.500008550000", input=1234576, cache_write_5m=5, cache_write_1h=6),
}


def test_numbers_and_money_stand_at_the_right_and_are_exact(run):
    run.server.says(SUMS)
    result = run("usage", "sums", "--group-by", "model,day", "--since", "2026-11-01")
    assert result.stdout.splitlines() == [
        "MODEL   DAY         REQUESTS    INPUT  OUTPUT  CACHE READ  CACHE WRITE     COST USD",
        "gpt-4o  2026-11-24         7  1234567       0           0           11  12.50000000",
        "-       2026-11-25       120        9       0           0            0   0.00000855",
        "TOTAL                    127  1234576       0           0           11  12.50000855",
    ]
    asked = run.server.asked[0].query
    assert asked == {"group_by": "model,day", "since": "2026-11-01"}


def test_requests_without_a_price_are_told_where_there_are_any(run):
    items = [item | {"unpriced_requests": 20 * place} for place, item in enumerate(SUMS["items"])]
    run.server.says({"items": items, "total": SUMS["total"] | {"unpriced_requests": 20}})
    lines = run("usage", "sums", "--group-by", "model,day").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["UNPRICED", "0", "20", "20"]


def test_sums_without_groups_are_the_total(run):
    run.server.says({"items": [], "total": SUMS["total"]})
    lines = run("usage", "sums").stdout.splitlines()
    assert lines[0].split()[0] == "REQUESTS"
    assert lines[1].split() == ["127", "1234576", "0", "0", "11", "12.50000855"]
    run.server.says({"items": [], "total": SUMS["total"]})
    rows = list(csv.DictReader(io.StringIO(run("usage", "sums", "--output", "csv").stdout)))
    assert [(row["requests"], row["cost_usd"]) for row in rows] == [("127", "12.500008550000")]


def test_json_is_what_the_server_said(run):
    run.server.says(SUMS)
    assert json.loads(run("usage", "sums", "--output", "json").stdout) == SUMS
    run.server.says(page(team(), team("Zoë")))
    result = run("teams", "list", "--output", "json")
    assert json.loads(result.stdout) == [team(), team("Zoë")]
    assert "Zoë" in result.stdout
    run.server.says(page())
    assert json.loads(run("teams", "list", "--output", "json").stdout) == []


def test_csv_has_all_fields_and_a_header_without_rows(run):
    run.server.says(page())
    empty = run("keys", "list", "--output", "csv").stdout.splitlines()
    assert len(empty) == 1
    assert {"id", "models.allow", "expires_at"} <= set(empty[0].split(","))
    key = {"id": ID, "name": 'a "name", really', "models": {"allow": ["gpt-*"], "deny": []}}
    run.server.says(page(key | {"team_id": None, "scopes": ["chat", "images"]}))
    (row,) = csv.DictReader(io.StringIO(run("keys", "list", "--output", "csv").stdout))
    assert row["name"] == 'a "name", really'
    assert json.loads(row["models.allow"]) == ["gpt-*"]
    assert json.loads(row["scopes"]) == ["chat", "images"]
    assert row["team_id"] == ""


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"])
def test_csv_has_no_formulas(run, name):
    run.server.says(page(team(name)))
    (row,) = csv.DictReader(io.StringIO(run("teams", "list", "--output", "csv").stdout))
    assert row["name"] == f"'{name}"


def test_csv_leaves_negative_money_a_number(run):
    run.server.says(page({"cost_usd": "-0.000001000000", "tokens": tokens(output=-1)}))
    (row,) = csv.DictReader(io.StringIO(run("usage", "records", "--output", "csv").stdout))
    assert (row["cost_usd"], row["tokens.output"]) == ("-0.000001000000", "-1")


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("name", ["\x1b[2Jgone", "a\nb", "\x9b31m", "\u202etxt", "\U000e0041"])
def test_what_callers_wrote_cannot_steer_the_terminal(run, output, name):
    run.server.says(page(team(name)))
    result = run("teams", "list", "--output", output)
    assert name not in result.stdout
    if output == "json":
        assert json.loads(result.stdout)[0]["name"] == name
    else:
        assert len(result.stdout.splitlines()) == 2


def test_columns_are_aligned_beside_wide_letters(run):
    run.server.says(page(team("日本"), team("abcd")))
    first, second = run("teams", "list").stdout.splitlines()[1:]
    assert first.index("日本") == second.index("abcd")
    assert first.split("日本")[1] == second.split("abcd")[1]


def test_nothing_to_list_is_said(run):
    run.server.says(page())
    assert run("dead-letters", "list").stdout == "no dead letters\n"


def test_one_thing_is_a_line_for_each_field_it_has(run):
    run.server.says(team(description="words"))
    lines = run("teams", "show", ID).stdout.splitlines()
    assert f"id           {ID}" in lines
    assert "description  words" in lines
    assert "active_keys  12" in lines


def test_a_list_goes_over_pages_as_far_as_it_is_told(run):
    run.server.says(
        page(*[team()] * 500, next_cursor="c1"), page(*[team()] * 100, next_cursor="c2")
    )
    result = run("teams", "list", "--limit", "600", "--output", "json")
    assert len(json.loads(result.stdout)) == 600
    assert [asked.query for asked in run.server.asked] == [
        {"limit": "500"},
        {"limit": "100", "cursor": "c1"},
    ]
    assert result.stderr == "these are the first 600: there are more with --limit or --all\n"
    run.server.says(page(team(), next_cursor="c1"), page(team()))
    result = run("teams", "list", "--all", "--output", "csv")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == ""


def test_built_in_accounts_count_as_well(run):
    accounts = [{"id": str(number)} for number in range(3)]
    run.server.says(page(*accounts))
    result = run("accounts", "list", "--limit", "2", "--output", "json")
    assert [item["id"] for item in json.loads(result.stdout)] == ["0", "1"]
    assert "there are more" in result.stderr


def test_a_leaderboard(run):
    run.server.says(
        {"items": [{"rank": 1, "group": {"user": "alice"}} | figures(3, "1.000000000000")]}
    )
    lines = run("usage", "leaderboard", "--by", "user", "--metric", "tokens").stdout.splitlines()
    assert lines[0].split()[:3] == ["RANK", "USER", "REQUESTS"]
    assert lines[1].split() == ["1", "alice", "3", "0", "0", "0", "0", "1.00"]
    assert run.server.asked[0].query == {"by": "user", "metric": "tokens", "limit": "10"}


def test_a_table_leaves_out_what_says_nothing(run):
    when = {"teams": [], "tags": ["gold"], "headers": {}, "tools": False, "images": None}
    rules = [{"models": {"m": 1}, "when": when}, {"models": {"n": 1}, "when": {"tags": []}}]
    run.server.says(page({"name": "auto", "rules": rules, "updated_at": "now"}))
    assert run("aliases", "list").stdout.splitlines()[1] == (
        'auto  [{"models": {"m": 1}, "when": {"tags": ["gold"], "tools": false}}, '
        '{"models": {"n": 1}}]  now'
    )
