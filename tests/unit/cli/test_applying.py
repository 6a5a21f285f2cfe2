"""A declared configuration against what is there: the differences, and nothing else."""

from pathlib import Path

import pytest

from cli.admin.applying.configuration import (
    InvalidConfiguration,
    read_configuration,
    resolved,
)
from cli.admin.applying.kinds import KINDS, SECTIONS
from cli.admin.applying.making import Maker
from cli.admin.applying.plan import plan, read_present
from cli.admin.client import Reply

UNLIMITED = dict.fromkeys(
    ("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day",
     "concurrency", "window", "queue")
)  # fmt: skip
TEAM = {"id": "T1", "name": "Research", "description": "", "budgets": [], "limits": UNLIMITED,
        "account_id": None, "group_id": None, "users": 0}  # fmt: skip
ACCOUNT = {"id": "A1", "name": "main", "provider": "openai", "models": {"gpt-4o": "gpt-4o"},
           "priority": 50, "built_in": False, "discount": ""}  # fmt: skip
BUILT_IN = {"id": "A0", "name": "openai", "provider": "openai", "built_in": True}
KEY = {"id": "K1", "name": "ci", "user_id": "alice", "team_id": "T1", "status": "active",
       "account_id": None, "group_id": None, "tags": []}  # fmt: skip
CHANNEL = {"id": "C1", "name": "ops", "kind": "telegram", "settings": {"chat_id": "1"},
           "team_ids": ["T1"], "severity": "info"}  # fmt: skip
ALIAS = {"name": "fast", "rules": [{"models": {"gpt-4o-mini": 1}, "when": {
    "teams": ["T1"], "tags": [], "headers": {}, "input_tokens_min": None, "input_tokens_max": None,
    "tools": None, "images": None}}]}  # fmt: skip
THERE = {
    "/internal/teams": [TEAM],
    "/internal/accounts": [BUILT_IN, ACCOUNT],
    "/internal/api-keys": [KEY, KEY | {"id": "K0", "status": "revoked"}],
    "/internal/notification-channels": [CHANNEL],
    "/internal/aliases": [ALIAS],
    "/internal/groups": [],
    "/internal/users": [],
    "/internal/models": [{"name": "gpt-4o", "own": False}],
}
SAME = {
    "teams": {"Research": {"description": "", "limits": {}}},
    "accounts": {
        "main": {"provider": "openai", "models": ["gpt-4o"], "credential": {"api_key": "sk"}}
    },
    "keys": {"ci": {"user": "alice", "team": "Research", "tags": []}},
    "aliases": {
        "fast": {"rules": [{"models": {"gpt-4o-mini": 1}, "when": {"teams": ["Research"]}}]}
    },
    "channels": {
        "ops": {
            "kind": "telegram",
            "settings": {"chat_id": "1", "bot_token": "t"},
            "teams": ["Research"],
        }
    },
}


def planned(declared, there=None, **options):
    given = {"prune": False, "update_secrets": False} | options
    return plan(declared, present_of(declared, there), **given)


def present_of(declared, there=None):
    found = THERE if there is None else there
    return read_present(lambda path: found[path], {"regions": ["eu"]}, declared)


def summary(changes):
    return [
        (one.action, one.kind.section, one.name, {each.member for each in one.differences})
        for one in changes
    ]


def test_what_is_as_declared_is_left_alone_however_it_is_written():
    assert planned(SAME) == []
    assert planned({"organisation": {"regions": ["eu"]}}) == []


@pytest.mark.parametrize(
    ("section", "name", "members", "differing"),
    [
        ("teams", "Research", {"description": "new"}, {"description"}),
        ("teams", "Research", {"limits": {"concurrency": 5}}, {"limits"}),
        ("teams", "Research", {"account": "openai"}, {"account"}),
        ("accounts", "main", {"models": {"gpt-4o": "mine"}, "priority": 50}, {"models"}),
        ("keys", "ci", {"team": None}, {"team"}),
        ("channels", "ops", {"settings": {"chat_id": "2"}, "severity": "info"}, {"settings"}),
        ("aliases", "fast", {"rules": [{"models": {"gpt-4o": 1}}]}, {"rules"}),
    ],
)
def test_only_what_differs_is_changed(section, name, members, differing):
    declared = {section: {name: SAME[section][name] | members}}
    if section == "channels":
        members = members | {"settings": members["settings"] | {"bot_token": "t"}}
        declared = {section: {name: SAME[section][name] | members}}
    [change] = planned(declared)
    assert (change.action, change.name) == ("change", name)
    assert {one.member for one in change.differences} == differing


def test_new_things_are_made_after_what_they_name_and_removed_before_it():
    declared = {
        "keys": {"new": {"user": "bob", "team": "Sales"}},
        "teams": {"Sales": {"group": "eu"}},
        "groups": {"eu": {"accounts": ["second", "openai"]}},
        "accounts": {"second": {"provider": "openai", "credential": {"api_key": "sk"}}},
    }
    made = [(one.action, one.kind.section, one.name) for one in planned(declared, prune=True)]
    assert made == [
        ("create", "accounts", "second"),
        ("create", "groups", "eu"),
        ("create", "teams", "Sales"),
        ("create", "keys", "new"),
        ("remove", "keys", "ci"),
        ("remove", "teams", "Research"),
        ("remove", "accounts", "main"),
    ]
    assert all(one.action == "create" for one in planned(declared))


def test_only_sections_that_the_file_has_are_pruned():
    assert summary(planned({"groups": {}}, prune=True)) == []
    [removed] = planned({"keys": {}}, prune=True)
    assert (removed.action, removed.name, removed.id) == ("remove", "ci", "K1")


def test_secrets_are_never_shown_and_sent_again_only_when_told():
    declared = {"accounts": SAME["accounts"], "channels": SAME["channels"]}
    changes = planned(declared, update_secrets=True)
    assert summary(changes) == [
        ("change", "accounts", "main", {"credential"}),
        ("change", "channels", "ops", {"settings.bot_token"}),
    ]
    assert changes[0].members == {"credential": {"api_key": "sk"}}
    new = planned(declared, there=THERE | {"/internal/accounts": []})
    assert "sk" not in str([one.differences for one in new])


def test_secrets_go_with_another_address():
    there = THERE | {"/internal/accounts": [ACCOUNT | {"base_url": "https://one.example"}]}
    main = SAME["accounts"]["main"] | {"base_url": "https://two.example"}
    (change,) = planned({"accounts": {"main": main}}, there=there)
    assert change.members == {
        "base_url": "https://two.example", "credential": {"api_key": "sk"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"teams": {"X": {"colour": "red"}}}, "teams.X.colour: is not known here"),
        ({"teams": {"X": {"account_id": "01K"}}}, "teams.X.account_id: give account, by name"),
        ({"keys": {"k": {"team": "None"}}}, "keys.k.team: there is no 'None' among the teams"),
        ({"keys": {"ci": {"user": "bob"}}}, "keys.ci.user: cannot be changed from 'alice'"),
        ({"accounts": {"a": {"provider": "openai"}}}, "accounts.a.credential: is required"),
        ({"groups": {"g": {"accounts": "main"}}}, "groups.g.accounts: must be names"),
        ({"organisation": {"limits": {"concurrency": 0}}}, "organisation.limits.concurrency: "),
        (
            {"teams": {"X": {"budgets": [{"period": "day", "usd": "much"}]}}},
            "teams.X.budgets[0].usd: must be USD below 10 million",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_place_before_anything_is_done(declared, fault):
    with pytest.raises(InvalidConfiguration) as refused:
        planned(declared)
    assert any(line.startswith(fault) for line in refused.value.lines), refused.value.lines


def test_a_name_that_two_keys_have_is_nobodys():
    there = THERE | {"/internal/api-keys": [KEY, KEY | {"id": "K2"}]}
    with pytest.raises(InvalidConfiguration, match=r"keys\.ci: several are named so"):
        planned({"keys": SAME["keys"]}, there=there)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("version: 2", "version: must be 1"),
        ("teams: {}", "version: must be 1"),
        ("[1, 2]", "it must be a map of sections"),
        ("version: 1\nteam: {}", "team: is no section"),
        ("version: 1\nteams: [a]", "teams: must be a map"),
        ("version: 1\nteams: {a: 5}", "teams.a: must be a map of members"),
        ("version: 1\nteams: {1: {}}", "teams: 1 must be a name in quotes"),
        ("version: 1\nteams:\n  a: {}\n  a: {}", "line 4: 'a' stands there twice"),
        ("version: 1\nteams: {", "it is no YAML"),
        ("version: 1\nteams: !!python/object:os.system {}", "it is no YAML"),
    ],
)
def test_a_file_that_is_none_says_where(text, fault):
    with pytest.raises(InvalidConfiguration) as refused:
        read_configuration(text, SECTIONS)
    assert any(line.startswith(fault) for line in refused.value.lines), refused.value.lines


def test_times_are_as_they_are_written():
    text = "version: 1\nkeys: {k: {expires_at: 2030-01-31T00:00:00Z}}"
    assert read_configuration(text, SECTIONS)["keys"]["k"]["expires_at"] == "2030-01-31T00:00:00Z"


def test_secrets_come_from_variables_and_files_beside_the_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    (tmp_path / "token").write_text("tok\n")
    value = {"a": {"env": "THE_KEY"}, "b": [{"file": "token"}]}
    assert resolved(value, "accounts.x", tmp_path) == {"a": "sk-1", "b": ["tok"]}
    for reference, fault in (({"env": "NO"}, "NO is not set"), ({"file": "no"}, "cannot be read")):
        with pytest.raises(InvalidConfiguration, match=rf"accounts\.x\.c: .*{fault}"):
            resolved({"c": reference}, "accounts.x", tmp_path)


class Calls:
    """A client that notes what it is told and makes ids."""

    def __init__(self):
        self.made = []

    def send(self, method, path, *, body=None):
        self.made.append((method, path, body))
        answer = {"id": f"ID{len(self.made)}"}
        return Reply(answer | ({"key": "cr_secret"} if path.endswith("api-keys") else {}), "")


def test_names_become_the_ids_of_what_was_made_before_and_new_keys_are_kept(tmp_path):
    declared = {
        "teams": {"Sales": {"description": "x"}},
        "keys": {"new": {"user": "bob", "team": "Sales"}},
        "aliases": {"slow": {"rules": [{"models": {"m": 1}, "when": {"teams": ["Sales"]}}]}},
    }
    present = present_of(declared)
    client, keys_file = Calls(), tmp_path / "keys"
    maker = Maker(client, present, Path(keys_file))
    for change in plan(declared, present, prune=False, update_secrets=False):
        maker.make(change)
    assert client.made == [
        ("POST", "/internal/teams", {"name": "Sales", "description": "x"}),
        ("PUT", "/internal/aliases/slow",
         {"rules": [{"models": {"m": 1}, "when": {"teams": ["ID1"]}}]}),
        ("POST", "/internal/api-keys", {"name": "new", "user_id": "bob", "team_id": "ID1"}),
    ]  # fmt: skip
    assert keys_file.read_text() == '{"name": "new", "id": "ID3", "key": "cr_secret"}\n'
    assert keys_file.stat().st_mode & 0o777 == 0o600


def test_what_a_kind_names_comes_before_it():
    seen = set()
    for kind in KINDS:
        assert {one.kind for one in kind.references if one.kind} <= seen
        seen.add(kind.section)
