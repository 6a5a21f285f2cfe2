"""What goes wrong is said in a sentence, with a fix, and by the exit code."""

import pytest
from click.testing import CliRunner

from cli.admin.client import Client
from cli.dev.ports import free_port
from cli.main import relayctl
from tests.support.admin_cli import MASTER_KEY, run
from tests.support.admin_server import Answer

__all__ = ["run"]
ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
TEAM = {"id": ID, "name": "a"}
AWAY = Answer(503, {"detail": "Redis is away; nothing was changed."}, {"retry-after": "0"})


def problem(status, detail, *errors):
    body = {"title": "T", "status": status, "detail": detail, "request_id": "01REQUEST"}
    if errors:
        body["errors"] = [{"field": field, "message": message} for field, message in errors]
    return Answer(status, body)


def test_a_refusal_is_the_servers_sentence_and_the_requests_id(run):
    run.server.says(problem(404, "There is no team with the id X."))
    result = run("teams", "show", "X")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == ("Error: There is no team with the id X.\n  request_id: 01REQUEST\n")


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("expires_at", "expires_at (--expires-at)"),
        ("models.allow[0]", "models.allow[0] (--allow)"),
        ("scopes", "scopes (--scope)"),
        ("Idempotency-Key", "Idempotency-Key (--idempotency-key)"),
        ("redaction.allow[0]", "redaction.allow[0] (--redaction)"),
        ("redaction.regions", "redaction.regions (--redaction)"),
        ("content_policy.webhook.url", "content_policy.webhook.url (--content-policy)"),
        ("other", "other"),
    ],
)
def test_a_field_at_fault_is_named_with_its_option(run, field, named):
    run.server.says(problem(422, "The body is not valid", (field, "must be otherwise")))
    result = run("keys", "create", "--name", "a")
    assert result.exit_code == 1
    assert f"{named}: must be otherwise\n" in result.stderr
    assert "request_id: 01REQUEST" in result.stderr


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("credential.service_account.private_key", "--credential-file"),
        ("credential.access_key_id", "--credential-file"),
        ("credential.api_key", "--api-key-file"),
        ("extra_headers", "--header"),
        ("egress_proxy", "--egress-proxy-file"),
    ],
)
def test_fields_of_accounts_are_named_with_their_options(run, field, option):
    run.server.says(problem(422, "The body is not valid", (field, "must be otherwise")))
    result = run("accounts", "update", ID, "--name", "a")
    assert f"{field} ({option}): must be otherwise\n" in result.stderr


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("settings.url", "--hook-url"),
        ("settings.signing_secret", "--secret-file"),
        ("settings.webhook_url", "--secret-file"),
        ("settings.chat_id", "--chat-id"),
    ],
)
def test_fields_of_channels_are_named_with_their_options(run, field, option):
    run.server.says(problem(422, "The body is not valid", (field, "must be otherwise")))
    result = run("notifications", "create", "--name", "a", "--kind", "webhook")
    assert f"{field} ({option}): must be otherwise\n" in result.stderr


def test_an_account_and_a_group_at_once_are_refused_before_anything_is_sent(run):
    result = run("keys", "update", ID, "--account-id", ID, "--group-id", ID)
    assert result.exit_code == 2
    assert "--account-id or --group-id, not both" in result.stderr
    assert run.server.asked == []


def test_what_the_server_says_cannot_steer_the_terminal(run):
    run.server.says(problem(409, "Another team is named '\x1b[2J'"))
    assert "\x1b" not in run("teams", "create", "--name", "a").stderr


def test_a_key_that_was_rotated_and_waits_for_the_restart(run, monkeypatch, tmp_path):
    wrong = problem(401, "The master key is wrong.")
    run.server.says(wrong, wrong)
    assert "restarted" not in run("teams", "list").stderr
    monkeypatch.delenv("PROXY_MASTER_KEY")
    monkeypatch.setenv("RELAY_STATE_DIR", str(tmp_path))
    (tmp_path / "master-key").write_text("a new key of sixteen characters\n")
    said = run("teams", "list").stderr
    assert "The master key is wrong.\n  the key is that in" in said
    assert "master-key rotate` put it there, the server takes it once it is restarted" in said


@pytest.mark.parametrize("answer", [Answer(200, b"<html>"), Answer(200, {}), Answer(404, b"no")])
def test_another_server_is_told_apart(run, answer):
    run.server.says(answer)
    result = run("teams", "list")
    assert result.exit_code == 1
    assert "--url" in result.stderr
    assert "Traceback" not in result.output


def test_a_redirect_is_not_followed_with_the_key(run):
    run.server.says(Answer(301, None, {"location": "https://elsewhere.example/"}))
    result = run("teams", "list")
    assert result.exit_code == 1
    assert "redirects to https://elsewhere.example/" in result.stderr
    assert len(run.server.asked) == 1


def test_a_server_that_is_away_is_tried_again_and_found(run):
    run.server.says(AWAY, Answer(cut=True), TEAM)
    result = run("teams", "show", ID)
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert "answered 503: Redis is away; nothing was changed.; try 2 of 5 in 0 s" in first
    assert "did not answer" in second
    assert "try 3 of 5" in second


def test_tries_are_bounded(run):
    run.server.says(*[AWAY] * 9)
    result = run("teams", "show", ID, "--retries", "2")
    assert result.exit_code == 3
    assert len(run.server.asked) == 3
    assert "Error: " in result.stderr


def test_an_address_where_nobody_is(run):
    url = f"http://127.0.0.1:{free_port()}"
    result = run("teams", "list", "--retries", "1", url=url)
    assert result.exit_code == 3
    assert f"{url} cannot be reached" in result.stderr.splitlines()[-1]


def test_a_wait_is_as_long_as_the_server_asks_or_longer_each_time(run, monkeypatch):
    monkeypatch.setattr("cli.admin.client.WAIT_S_FIRST", 0.5)
    slept, said = [], []
    client = Client(
        run.server.url, "k", retries=5, timeout_s=5, ca_file=None, say=said.append,
        sleep=slept.append,
    )  # fmt: skip
    past = "Sun, 06 Nov 1994 08:49:37 GMT"
    for asked in ("7", "0", past, "soon", "2"):
        run.server.says(Answer(503, None, {"retry-after": asked}))
    run.server.says(TEAM)
    assert client.get("/x") == TEAM
    client.close()
    assert slept == [7, 1, 2, 4, 8]
    assert len(said) == 5


def test_no_wait_is_for_ever(run):
    run.server.says(Answer(503, None, {"retry-after": "900"}))
    result = run("teams", "list")
    assert result.exit_code == 3
    assert "asks to come back in 900 s" in result.stderr
    assert len(run.server.asked) == 1


def test_a_key_is_made_once_however_often_it_is_sent(run):
    run.server.says(Answer(cut=True), AWAY, {"id": ID, "key": "cr_x"})
    result = run("keys", "create", "--name", "a")
    assert result.exit_code == 0
    assert len({asked.headers["idempotency-key"] for asked in run.server.asked}) == 1
    assert len(run.server.asked) == 3
    run.server.says({"id": ID, "key": "cr_x"})
    run("keys", "create", "--name", "a")
    assert len({asked.headers["idempotency-key"] for asked in run.server.asked}) == 2


def test_a_key_that_may_have_been_made_can_be_asked_for_again(run):
    run.server.says(*[Answer(cut=True)] * 2)
    result = run("keys", "create", "--name", "a", "--retries", "1")
    assert result.exit_code == 3
    kept = run.server.asked[0].headers["idempotency-key"]
    assert f"--idempotency-key {kept}" in result.stderr
    run.server.says({"id": ID, "key": "cr_x"})
    assert run("keys", "create", "--name", "a", "--idempotency-key", kept).exit_code == 0
    assert run.server.asked[-1].headers["idempotency-key"] == kept


def test_a_refusal_after_a_lost_answer_says_what_it_may_mean(run):
    run.server.says(Answer(cut=True), problem(409, "Another team is named 'a'."))
    result = run("teams", "create", "--name", "a")
    assert result.exit_code == 1
    assert "may have done it already" in result.stderr
    run.server.says(problem(409, "Another team is named 'a'."))
    assert "may have done it" not in run("teams", "create", "--name", "a").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("teams", "list", "--all", "--limit", "3"),
        ("teams", "update", ID),
        ("keys", "update", ID, "--team-id", ID, "--no-team"),
        ("keys", "update", ID, "--tag", "a", "--no-tags"),
        ("keys", "create", "--name", "a", "--idempotency-key", "with blanks"),
        ("accounts", "create", "--name", "a", "--provider", "openai"),
        ("accounts", "update", ID, "--api-key-from-env"),
        ("accounts", "update", ID, "--api-key-file", "/not/there"),
        ("quarantine", "retry"),
        ("quarantine", "retry", "x", "--all"),
        ("teams", "list", "--master-key-file", "/not/there"),
        ("teams", "list", "--ca-file", "/dev/null"),
    ],
)
def test_wrong_options_are_2_and_reach_no_server(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert run.server.asked == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://a", "http://", "http://[", "http://a?b=c"]
)
def test_a_wrong_address(run, url):
    result = run("teams", "list", url=url)
    assert result.exit_code == 2
    assert "--url" in result.stderr


def test_exit_codes_are_in_every_help():
    for arguments in (["keys"], ["keys", "list"], ["usage", "sums"], ["dead-letters", "retry"]):
        text = CliRunner().invoke(relayctl, [*arguments, "--help"]).output
        assert "Exit codes:" in text
        assert "cannot be reached" in text


def test_one_refusal_keeps_none_of_the_others(run):
    refusal = problem(409, "The ledger still cannot take it")
    run.server.says(Answer(204), refusal, Answer(204))
    result = run("quarantine", "retry", "a", "b", "c", "--output", "csv")
    assert result.exit_code == 1
    rows = [line.split(",")[:2] for line in result.stdout.splitlines()[1:]]
    assert rows == [["a", "true"], ["b", "false"], ["c", "true"]]
    assert "still cannot take it" in result.stderr


def test_what_was_done_before_the_server_went_away_is_printed(run):
    run.server.says(Answer(204), AWAY)
    result = run("quarantine", "retry", "a", "b", "c", "--retries", "0")
    assert result.exit_code == 3
    assert "a   yes" in result.stdout
    assert "b" not in result.stdout.replace("RETRIED", "")


def test_the_master_key_is_sent_and_never_printed(run):
    run.server.says(TEAM, problem(401, "The master key is wrong."))
    for result in (run("teams", "show", ID), run("teams", "show", ID)):
        assert MASTER_KEY not in result.output
    assert {asked.headers["authorization"] for asked in run.server.asked} == {
        f"Bearer {MASTER_KEY}"
    }
