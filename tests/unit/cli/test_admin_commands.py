"""What each command sends, where it takes secrets from, and what it costs to start."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.main import relayctl
from tests.support.admin_cli import run
from tests.support.admin_server import Answer

__all__ = ["run"]
ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
SECRET = "sk-the-providers-own"
ACCOUNTS = ("accounts", "create", "--name", "a", "--provider", "openai")
SENT = [
    (
        ("keys", "create", "--name", "a", "--scope", "chat", "--allow", "gpt-*", "--tag", "t u"),
        ("POST", "/internal/api-keys"),
        {"name": "a", "scopes": ["chat"], "tags": ["t u"],
         "models": {"allow": ["gpt-*"], "deny": []}},
    ),
    (("keys", "revoke", ID), ("POST", f"/internal/api-keys/{ID}/revoke"), None),
    (("keys", "restore", ID), ("POST", f"/internal/api-keys/{ID}/restore"), None),
    (("keys", "rotate", ID), ("POST", f"/internal/api-keys/{ID}/rotate"), {}),
    (
        ("keys", "rotate", ID, "--grace-s", "0"),
        ("POST", f"/internal/api-keys/{ID}/rotate"),
        {"grace_s": 0},
    ),
    (
        ("keys", "update", ID, "--no-team", "--no-expiry", "--all-scopes", "--status", "disabled"),
        ("PATCH", f"/internal/api-keys/{ID}"),
        {"team_id": None, "expires_at": None, "scopes": [], "status": "disabled"},
    ),
    (
        ("users", "create", "zoë@x/y", "--email", ""),
        ("POST", "/internal/users"),
        {"id": "zoë@x/y", "email": ""},
    ),
    (("users", "show", "zoë@x/y"), ("GET", "/internal/users/zo%C3%AB%40x%2Fy"), None),
    (
        ("users", "update", "a", "--no-team"),
        ("PATCH", "/internal/users/a"),
        {"team_id": None},
    ),
    (
        ("teams", "update", ID, "--description", ""),
        ("PATCH", f"/internal/teams/{ID}"),
        {"description": ""},
    ),
    (
        ("keys", "create", "--name", "a", "--limit", "requests_per_minute=60",
         "--limit", "concurrency=2", "--window", "5:requests=100,usd=0.50",
         "--budget", "month=50:deny", "--budget", "total=900", "--timezone", "Europe/Berlin"),
        ("POST", "/internal/api-keys"),
        {"name": "a", "scopes": [], "tags": [], "models": {"allow": [], "deny": []},
         "limits": {"requests_per_minute": 60, "concurrency": 2,
                    "window": {"minutes": 5, "requests": 100, "usd": "0.50"}},
         "budgets": [{"period": "month", "usd": "50", "policy": "deny"},
                     {"period": "total", "usd": "900"}],
         "calendar": {"timezone": "Europe/Berlin"}},
    ),
    (
        ("organisation", "update", "--budget", "day=5"),
        ("PATCH", "/internal/organisation"),
        {"budgets": [{"period": "day", "usd": "5"}]},
    ),
    (
        ("users", "update", "a", "--no-limits", "--no-budgets"),
        ("PATCH", "/internal/users/a"),
        {"limits": {}, "budgets": []},
    ),
    (
        ("teams", "create", "--name", "a", "--limit", "tokens_per_day=9"),
        ("POST", "/internal/teams"),
        {"name": "a", "limits": {"tokens_per_day": 9}},
    ),
    (
        ("teams", "create", "--name", "a", "--client-gone", "drain"),
        ("POST", "/internal/teams"),
        {"name": "a", "client_gone": {"policy": "drain"}},
    ),
    (
        ("teams", "update", ID, "--client-gone", "inherit"),
        ("PATCH", f"/internal/teams/{ID}"),
        {"client_gone": None},
    ),
    (
        ("organisation", "update", "--client-gone", "drain:60"),
        ("PATCH", "/internal/organisation"),
        {"client_gone": {"policy": "drain", "drain_seconds": 60}},
    ),
    (
        ("teams", "update", ID, "--redaction", '{"entities": {"CONTACT": "mask"}}',
         "--no-content-policy"),
        ("PATCH", f"/internal/teams/{ID}"),
        {"redaction": {"entities": {"CONTACT": "mask"}}, "content_policy": None},
    ),
    (
        ("organisation", "update", "--response-cache", ' {"mode": "on"}'),
        ("PATCH", "/internal/organisation"),
        {"response_cache": {"mode": "on"}},
    ),
    (("teams", "delete", ID), ("DELETE", f"/internal/teams/{ID}"), None),
    (
        ("accounts", "update", ID, "--disabled", "--model", "a", "--model", "b=c=d"),
        ("PATCH", f"/internal/accounts/{ID}"),
        {"enabled": False, "models": {"a": "a", "b": "c=d"}},
    ),
    (
        ("accounts", "update", ID, "--all-models", "--weight", "2"),
        ("PATCH", f"/internal/accounts/{ID}"),
        {"models": {}, "weight": 2},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "call", "body"), SENT, ids=lambda one: " ".join(one or ""))
def test_what_is_sent(run, monkeypatch, arguments, call, body):
    monkeypatch.setenv("RELAY_ACCOUNT_API_KEY", SECRET)
    run.server.says({"id": ID})
    assert run(*arguments).exit_code == 0
    (asked,) = run.server.asked
    assert (asked.method, asked.path) == call
    assert asked.body == body


def test_a_list_of_models_that_is_not_given_stays_as_it_is(run):
    rules = {"allow": ["gpt-*"], "deny": ["gpt-4*"]}
    run.server.says(Answer(200, {"id": ID, "models": rules}, {"etag": '"7"'}), {"id": ID})
    assert run("keys", "update", ID, "--allow", "claude-*").exit_code == 0
    asked = run.server.asked[1]
    assert asked.body == {"models": {"allow": ["claude-*"], "deny": ["gpt-4*"]}}
    assert asked.headers["if-match"] == '"7"'


def test_an_accounts_key_comes_from_a_file_the_input_or_the_environment(run, monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    run.server.says(*[{"id": ID}] * 3)
    assert run(*ACCOUNTS, "--api-key-file", str(file)).exit_code == 0
    assert run(*ACCOUNTS, "--api-key-file", "-", stdin=f"{SECRET}\n").exit_code == 0
    monkeypatch.setenv("RELAY_ACCOUNT_API_KEY", SECRET)
    assert run(*ACCOUNTS).exit_code == 0
    assert [asked.body["credential"] for asked in run.server.asked] == [{"api_key": SECRET}] * 3


def test_an_update_takes_the_key_of_the_environment_only_when_told(run, monkeypatch):
    monkeypatch.setenv("RELAY_ACCOUNT_API_KEY", SECRET)
    run.server.says(*[{"id": ID}] * 2)
    run("accounts", "update", ID, "--weight", "2")
    run("accounts", "update", ID, "--api-key-from-env")
    assert [asked.body for asked in run.server.asked] == [
        {"weight": 2},
        {"credential": {"api_key": SECRET}},
    ]


def test_no_secret_can_be_an_argument():
    for group in ("accounts", "keys", "users", "teams", "usage", "audit", "quarantine"):
        context = relayctl.make_context("relayctl", [group, "--help"], resilient_parsing=True)
        commands = relayctl.get_command(context, group).commands.values()
        options = {option for one in commands for param in one.params for option in param.opts}
        assert not {"--api-key", "--master-key", "--secret", "--key"} & options


def test_where_the_master_key_comes_from(run, monkeypatch, tmp_path):
    (tmp_path / ".relay").mkdir()
    (tmp_path / ".relay" / "master-key").write_text("of the state\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "master-key").write_text("of another state")
    (tmp_path / "file").write_text("of the file\n")
    run.server.says(*[{"id": ID}] * 5)
    show = ("teams", "show", ID)
    run(*show, "--master-key-file", "file")
    run(*show, "--master-key-file", "-", stdin="of the input\n")
    monkeypatch.setenv("PROXY_MASTER_KEY", "of the environment")
    run(*show)
    monkeypatch.delenv("PROXY_MASTER_KEY")
    run(*show)
    monkeypatch.setenv("RELAY_STATE_DIR", "other")
    run(*show)
    assert [
        asked.headers["authorization"].removeprefix("Bearer ") for asked in run.server.asked
    ] == [
        *("of the file", "of the input", "of the environment", "of the state"),
        "of another state",
    ]
    monkeypatch.setenv("RELAY_STATE_DIR", "nowhere")
    result = run(*show)
    assert result.exit_code == 2
    assert "--master-key-file" in result.stderr
    assert "PROXY_MASTER_KEY" in result.stderr


def test_the_address_is_where_relayctl_dev_says_that_it_runs(run, monkeypatch, tmp_path):
    port = int(run.server.url.rpartition(":")[2])
    (tmp_path / ".relay").mkdir()
    (tmp_path / ".relay" / "processes.json").write_text(json.dumps({"front_door": {"port": port}}))
    run.server.says({"id": ID})
    assert CliRunner().invoke(relayctl, ["teams", "show", ID]).exit_code == 0
    assert run.server.asked[0].path == f"/internal/teams/{ID}"
    monkeypatch.setenv("RELAY_STATE_DIR", str(tmp_path / ".relay"))
    run.server.says({"id": ID})
    assert CliRunner().invoke(relayctl, ["teams", "show", ID]).exit_code == 0


@pytest.mark.parametrize("written", [None, "", "{}", "[]", '{"front_door": {}}'])
def test_without_any_address_the_error_says_what_there_is_to_give(
    run, monkeypatch, tmp_path, written
):
    monkeypatch.setattr("cli.admin.address.URL_DEFAULT", "http://127.0.0.1:1")
    if written is not None:
        (tmp_path / ".relay").mkdir()
        (tmp_path / ".relay" / "processes.json").write_text(written)
    result = CliRunner().invoke(relayctl, ["teams", "show", ID, "--retries", "0"])
    assert result.exit_code == 3
    for said in ("127.0.0.1:1", "processes.json", "--url", "RELAY_URL", "RELAY_STATE_DIR"):
        assert said in result.stderr


def test_a_stack_that_runs_no_more_is_asked_after(run, tmp_path):
    (tmp_path / ".relay").mkdir()
    (tmp_path / ".relay" / "processes.json").write_text('{"front_door": {"port": 1}}')
    result = CliRunner().invoke(relayctl, ["teams", "show", ID, "--retries", "0"])
    assert result.exit_code == 3
    assert "does that `relayctl dev` still run?" in result.stderr


def test_the_address_may_be_in_the_environment(run, monkeypatch):
    monkeypatch.setenv("RELAY_URL", run.server.url + "/")
    run.server.says({"id": ID})
    assert CliRunner().invoke(relayctl, ["teams", "show", ID]).exit_code == 0
    assert run.server.asked[0].path == f"/internal/teams/{ID}"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_of_the_environment_gets_the_key(run, monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    run.server.says({"id": ID})
    assert run("teams", "show", ID).exit_code == 0


def test_a_key_is_said_to_be_shown_once(run):
    run.server.says({"id": ID, "key": "cr_secret"}, {"id": ID, "key": "cr_secret"})
    result = run("keys", "create", "--name", "a")
    assert result.stdout.splitlines()[0] == "key  cr_secret"
    assert "shown this once" in result.stderr
    result = run("keys", "create", "--name", "a", "--output", "json")
    assert json.loads(result.stdout)["key"] == "cr_secret"


def test_all_dead_letters_are_those_not_sent_yet(run):
    letters = [{"id": "a", "retried_at": None}, {"id": "b", "retried_at": "2026-11-25T12:00:00Z"}]
    run.server.says({"items": letters, "next_cursor": None}, Answer(202, {"id": "a"}))
    assert run("dead-letters", "retry", "--all").exit_code == 0
    assert [asked.path for asked in run.server.asked[1:]] == ["/internal/dead-letters/a/retry"]


def test_deletions_are_said_in_each_output(run):
    run.server.says(*[Answer(204)] * 2)
    assert run("users", "delete", "a").stdout == "user a is deleted\n"
    result = run("users", "delete", "a", "--output", "json")
    assert json.loads(result.stdout) == {"id": "a", "deleted": True}


def test_a_new_master_key_takes_the_place_of_the_kept_one(run, monkeypatch, tmp_path):
    monkeypatch.delenv("PROXY_MASTER_KEY")
    file = tmp_path / ".relay" / "master-key"
    file.parent.mkdir()
    file.write_text("the old master key")
    run.server.says({"accepted_until": "2026-11-25T12:00:00.000Z"})
    result = run("master-key", "rotate", "--minutes", "5")
    assert result.exit_code == 0
    (asked,) = run.server.asked
    assert (asked.path, asked.body) == ("/internal/master-key/grace", {"minutes": 5})
    assert asked.headers["authorization"] == "Bearer the old master key"
    assert len(file.read_text().strip()) == 64
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().strip() not in result.output
    assert "before 2026-11-25T12:00:00.000Z" in result.stdout


def test_a_new_master_key_is_put_where_it_is_told(run, tmp_path):
    run.server.says(*[{"accepted_until": "2026-11-25T12:00:00.000Z"}] * 2)
    assert run("master-key", "rotate").exit_code == 2
    (tmp_path / "there").write_text("x")
    assert run("master-key", "rotate", "--to", "there").exit_code == 2
    assert run.server.asked == []
    assert run("master-key", "rotate", "--to", "new").exit_code == 0
    assert len((tmp_path / "new").read_text().strip()) == 64
    result = run("master-key", "rotate", "--to", "-")
    assert len(result.stdout.strip()) == 64


def test_a_master_key_is_not_replaced_without_grace(run, monkeypatch, tmp_path):
    monkeypatch.delenv("PROXY_MASTER_KEY")
    file = tmp_path / ".relay" / "master-key"
    file.parent.mkdir()
    file.write_text("the old master key")
    run.server.says(Answer(401, {"detail": "The master key is wrong."}))
    assert run("master-key", "rotate").exit_code == 1
    assert file.read_text() == "the old master key"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    script = CliRunner().invoke(relayctl, ["completion", shell]).stdout
    assert "_RELAYCTL_COMPLETE" in script


def test_completion_knows_commands_without_importing_them():
    environment = {"COMP_WORDS": "relayctl k", "COMP_CWORD": "1"}
    done = _relayctl(environment | {"_RELAYCTL_COMPLETE": "bash_complete"})
    assert done.stdout == "plain,keys\n"
    assert "cli.admin" not in done.stderr.split()


def test_help_imports_nothing_of_the_commands():
    done = _relayctl({}, "--help")
    assert "keys" in done.stdout
    modules = {name.partition(".")[0] for name in done.stderr.split()}
    assert modules & {"httpx", "msgspec", "pydantic", "starlette", "psycopg", "common"} == set()
    assert "cli.admin" not in done.stderr.split()


def _relayctl(environment, *arguments):
    """A process of its own, which says on standard error what it imported."""
    program = (
        "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from cli.main import main; main()"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--limit", "rpm=1"), ("--limit", "concurrency=x"), ("--limit", "concurrency"),
        ("--limit", "concurrency=1", "--limit", "concurrency=2"), ("--window", "5"),
        ("--window", "x:usd=1"), ("--window", "5:money=1"), ("--budget", "year=1"),
        ("--budget", "day=1:harsh"), ("--limit", "concurrency=1", "--no-limits"),
        ("--budget", "day=1", "--no-budgets"), ("--day-starts-at", "24"),
    ],
)  # fmt: skip
def test_a_limit_that_is_none_is_said_before_anything_is_sent(run, arguments):
    answer = run("organisation", "update", *arguments)
    assert answer.exit_code == 2
    assert run.server.asked == []


@pytest.mark.parametrize("value", ["stop", "cancel:5", "drain:", "drain:-1", "drain:5:5", ""])
def test_what_is_no_policy_for_a_caller_who_leaves_is_refused(run, value):
    done = run("teams", "update", ID, "--client-gone", value)
    assert done.exit_code == 2
    assert "--client-gone" in done.output
    assert run.server.asked == []


RECEIPT = {
    "request_id": ID, "cost_usd": "0.000008550000", "balance_usd": "0.000007550000",
    "tokens": {"input": 9, "output": 12},
    "price": {"version": "2026-11-25", "lines": [
        {"token_class": "input", "count": 9, "unit_usd": "0.000000150000",
         "cost_usd": "0.000001350000"},
        {"token_class": "output", "count": 12, "unit_usd": "0.000000600000",
         "cost_usd": "0.000007200000"},
    ]},
    "adjustments": [{"id": ID, "occurred_at": "2026-11-25T02:00:00.000Z", "price_version": "2",
                     "cost_usd": "-0.000001000000", "balance_usd": "0.000007550000"}],
    "policy": {"limits": [], "client_gone": {"policy": "cancel", "applied": False}},
}  # fmt: skip


def test_a_receipt_is_shown_line_by_line(run):
    run.server.says(RECEIPT)
    done = run("usage", "receipt", ID)
    assert done.exit_code == 0
    (asked,) = run.server.asked
    assert asked.path == f"/internal/usage/requests/{ID}/receipt"
    fields, lines, adjustments = done.output.split("\n\n")
    assert "price.version" in fields
    assert "price.lines" not in fields
    assert [line.split() for line in lines.splitlines()] == [
        ["CLASS", "COUNT", "USD", "EACH", "COST", "USD"],
        ["input", "9", "0.00000015", "0.00000135"],
        ["output", "12", "0.00000060", "0.00000720"],
        ["TOTAL", "-", "0.00000855"],
    ]
    assert adjustments.splitlines()[1].split()[-2:] == ["-0.000001", "0.00000755"]


def test_a_receipt_as_json_is_what_was_answered(run):
    run.server.says(RECEIPT)
    assert json.loads(run("usage", "receipt", ID, "--output", "json").output) == RECEIPT
