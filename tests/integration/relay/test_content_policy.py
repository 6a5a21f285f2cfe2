"""Content policies through relay: sizes, patterns and webhooks, of requests and of answers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from cli.dev.ports import free_port
from common import secrets
from common.domain.content_rules import ContentRules
from common.domain.policies import Policy, team_scope
from common.domain.standard_webhooks import shown_secret
from common.guardrails.webhooks import key_purpose
from tests.support.guardrail import verdict
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import CHAT, MESSAGES, PATHS, ask, eventually, stored_account

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
BLOCK = {"name": "codename", "pattern": r"(?i)\bblue bird\b", "verdict": "block"}
FLAG = {"name": "tone", "pattern": "grumpy", "verdict": "flag"}
GEMINI = "/v1beta/models/gpt-4o-mini:streamGenerateContent?alt=sse"


def keyed(relay, policy, **fields):
    return relay.project_key(policy=Policy(content=ContentRules(content_policy=policy)), **fields)


def post(relay, key, body, path=CHAT):
    return relay.client.post(path, json=body, headers={"authorization": f"Bearer {key}"})


def judged_by(guard, *phases, **members):
    return {"webhook": {"url": guard.url, "phases": phases, **members}}


def verdicts_of(relay, answer):
    """The last verdicts, once the line of the request that was answered so is there."""
    relay.log_line(answer.headers["x-request-id"])
    names = ("phase", "by", "verdict", "what")
    return [tuple(line[name] for name in names) for line in relay.log_lines("content_verdict")[-9:]]


def request_ids(echo):
    return [one["request_id"] for one in echo.requests()]


@pytest.mark.parametrize("dialect", PATHS)
def test_what_a_request_may_not_say_is_refused_for_good_and_free_of_charge(relay, echo, dialect):
    key = keyed(relay, {"patterns": [BLOCK]})
    answer = post(relay, key, ask(dialect, "the Blue Bird sings"), PATHS[dialect])
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-relay-content"] == "codename"
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert "codename" in error["message"]
    assert "Bird" not in answer.text
    if dialect == "openai":
        assert (error["code"], error["param"]) == ("content_blocked", "messages[0].content")
    assert request_ids(echo) == []
    assert relay.records() == []
    assert relay.open_leases() == (0, 0)
    assert verdicts_of(relay, answer)[-1] == ("input", "pattern", "block", "codename")
    assert "sings" not in relay.log.read_text()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["input", "output"])
def test_sdks_ask_once(relay, echo, where, stream):
    rule = {**BLOCK, "where": where}
    key = keyed(relay, {"patterns": [rule]})
    before = len(relay.log_lines("request"))
    content = "the blue bird sings"
    clients = (
        openai.OpenAI(base_url=f"{relay.url}/v1", api_key=key, max_retries=2),
        anthropic.Anthropic(base_url=relay.url, api_key=key, max_retries=2),
    )
    for client, error in zip(clients, (openai.APIError, anthropic.APIError), strict=True):
        is_openai = isinstance(client, openai.OpenAI)
        body = ask("openai" if is_openai else "anthropic", content, stream=stream)
        make = client.chat.completions.create if is_openai else client.messages.create
        with pytest.raises(error) as raised:
            list(make(**body))
        assert "codename" in str(raised.value)
    eventually(lambda: len(relay.log_lines("request")) == before + 2)
    assert len(request_ids(echo)) == (2 if where == "output" else 0)


def test_how_long_a_request_s_text_may_be_counts_all_of_it(relay, echo):
    key = keyed(relay, {"input_characters_max": 20})
    two = [{"role": "system", "content": "0123456789"}, {"role": "user", "content": "0123456789"}]
    assert post(relay, key, {"model": "gpt-4o-mini", "messages": two}).status_code == 200
    two[1]["content"] += "x"
    answer = post(relay, key, {"model": "gpt-4o-mini", "messages": two})
    assert answer.status_code == 400
    assert "21 characters" in answer.json()["error"]["message"]
    assert "allows 20" in answer.json()["error"]["message"]
    assert len(request_ids(echo)) == 1


def test_the_policies_of_all_levels_hold(relay, echo):
    team = ContentRules(content_policy={"patterns": [BLOCK], "input_characters_max": 100})
    relay.project_policy(team_scope(TEAM), Policy(content=team))
    key = keyed(relay, {"patterns": [FLAG], "input_characters_max": 5_000}, team_id=TEAM)
    assert post(relay, key, ask("openai", "blue bird")).status_code == 400
    assert post(relay, key, ask("openai", "x" * 101)).status_code == 400
    answer = post(relay, key, ask("openai", "a grumpy bird"))
    assert answer.status_code == 200
    assert answer.headers["x-relay-content"] == "tone"
    assert relay.record(answer.headers["x-request-id"]).tags == ["content:tone"]
    assert len(request_ids(echo)) == 1
    # A change holds on the next request.
    relay.project_policy(team_scope(TEAM), Policy())
    assert post(relay, key, ask("openai", "blue bird")).status_code == 200


@pytest.mark.parametrize("dialect", PATHS)
def test_an_answer_that_is_blocked_is_charged(relay, echo, dialect):
    key = keyed(relay, {"patterns": [{**BLOCK, "where": "output"}]})
    answer = post(relay, key, ask(dialect, "a blue bird"), PATHS[dialect])
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    assert "bird" not in answer.text
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("error", "content_blocked")
    assert record.error_code == "content_blocked"
    assert record.tags == ["content:codename"]
    assert record.tokens.output == 3
    assert record.cost_usd != "0.000000000000"


@pytest.mark.parametrize("dialect", [*PATHS, "gemini"])
def test_a_stream_is_cut_as_soon_as_a_pattern_is_complete(relay, echo, dialect):
    key = keyed(relay, {"patterns": [{**BLOCK, "where": "output"}]})
    content = "nice words blue bird never sent [[echo chunk_delay_ms=20]]"
    if dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": content}]}]}
        answer = post(relay, key, body, GEMINI)
    else:
        answer = post(relay, key, ask(dialect, content, stream=True), PATHS[dialect])
    assert answer.status_code == 200
    sent = answer.text
    assert "nice" in sent
    assert "bird" not in sent
    assert "never" not in sent
    events = [json.loads(line[6:]) for line in sent.splitlines() if line.startswith("data: {")]
    error = events[-1]["error"]
    assert "codename" in error["message"]
    assert "[DONE]" not in sent
    assert "message_stop" not in sent
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("error", "content_blocked")
    assert record.tokens.output > 0


def test_a_stream_that_was_cut_is_not_read_whole_where_it_is_stored(relay, echo):
    relay.project_accounts(stored_account(echo.url))
    key = keyed(relay, {"patterns": [{**BLOCK, "where": "output"}]}, team_id=TEAM)
    content = "nice words blue bird never sent [[echo chunk_delay_ms=20]]"
    body = {"model": "gpt-4o-mini", "input": content, "stream": True}
    answer = post(relay, key, body, "/v1/responses")
    assert "content_blocked" in answer.text
    (identifier,) = set(re.findall(r'"id":\s*"(resp_[^"]+)"', answer.text))
    path = f"/v1/responses/{identifier}"
    read = relay.client.get(path, headers={"authorization": f"Bearer {key}"})
    assert read.status_code == 404, read.text
    record = relay.record(answer.headers["x-request-id"])
    assert (record.finish_cause, record.cost_usd != "0.000000000000") == ("content_blocked", True)


def test_a_stream_that_only_flags_is_whole(relay, echo):
    key = keyed(relay, {"patterns": [FLAG]})
    answer = post(relay, key, ask("openai", "one grumpy word", stream=True))
    assert answer.text.endswith("data: [DONE]\n\n")
    assert relay.record(answer.headers["x-request-id"]).tags == ["content:tone"]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("phase", ["input", "output"])
def test_a_webhook_allows_flags_and_blocks(relay, echo, guard, dialect, phase):
    key = keyed(relay, judged_by(guard, phase))
    words = {"fine": "allow", "odd": "flag", "bad": "block"}

    def judge(asked):
        (text,) = [one["text"] for one in asked["texts"]]
        return verdict(words[text], "house-rule")

    guard.answer = judge
    for word, said in words.items():
        answer = post(relay, key, ask(dialect, word), PATHS[dialect])
        assert answer.status_code == (400 if said == "block" else 200)
        told = None if said == "allow" else "house-rule"
        assert answer.headers.get("x-relay-content") == told
    assert "house-rule" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(request_ids(echo)) == (2 if phase == "input" else 3)
    asked = guard.bodies[-1]
    assert asked["request_id"] == answer.headers["x-request-id"]
    assert (asked["phase"], asked["team_id"]) == (phase, None)
    assert asked["endpoint"] == {CHAT: "chat.completions", MESSAGES: "messages"}[PATHS[dialect]]
    assert asked["model"]
    assert asked["key_id"]
    assert guard.connections == 1
    assert verdicts_of(relay, answer)[-2:] == [
        (phase, "webhook", "flag", "house-rule"),
        (phase, "webhook", "block", "house-rule"),
    ]


@pytest.mark.parametrize("on_failure", ["block", "allow"])
@pytest.mark.parametrize("fault", ["slow", "down", "garbage", "redirect", "error", "huge"])
def test_without_a_verdict_the_fail_mode_says_what_becomes_of_it(
    relay, echo, guard, fault, on_failure
):
    answers = {
        "slow": None,
        "garbage": (200, b"<html>allow</html>"),
        "redirect": (302, b""),
        "error": (500, b'{"verdict": "allow"}'),
        "huge": (200, b'{"verdict": "allow", "more": "%b"}' % (b"x" * 100_000)),
    }
    guard.answer = lambda _: answers[fault]
    policy = judged_by(guard, "input", "output", timeout_ms=100, on_failure=on_failure)
    if fault == "down":
        policy["webhook"]["url"] = f"http://127.0.0.1:{free_port()}/judge"
    key = keyed(relay, policy)
    answer = post(relay, key, ask("openai"))
    told = verdicts_of(relay, answer)[-1]
    assert told[1:3] == ("webhook", "unavailable")
    if on_failure == "block":
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "guardrail_unavailable"
        assert "x-should-retry" not in answer.headers
        assert request_ids(echo) == []
    else:
        assert answer.status_code == 200
        assert answer.headers["x-relay-content"] == "unjudged"
        assert relay.record(answer.headers["x-request-id"]).tags == ["content:unjudged"]


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_is_held_until_its_verdict(relay, echo, guard, dialect):
    key = keyed(relay, judged_by(guard, "output"))
    body = ask(dialect, "some words to judge", stream=True)
    answer = post(relay, key, body, PATHS[dialect])
    assert "judge" in answer.text
    assert "error" not in answer.text
    assert guard.texts == ["some words to judge"]
    guard.answer = lambda _: verdict("block", "No, thanks")
    answer = post(relay, key, body, PATHS[dialect])
    assert answer.status_code == 200
    assert "words" not in answer.text
    assert "No, thanks" in answer.text
    record = relay.record(answer.headers["x-request-id"])
    assert record.finish_cause == "content_blocked"
    assert record.tokens.output == 4
    assert record.usage_source == "reported"


def test_a_stream_that_is_judged_at_its_end_is_cut_off_there(relay, echo, guard):
    key = keyed(relay, judged_by(guard, "output", streams="end"))
    guard.answer = lambda _: verdict("block")
    body = ask("openai", "some words [[echo chunk_delay_ms=20]]", stream=True)
    answer = post(relay, key, body)
    assert '"some"' in answer.text
    assert "content_blocked" in answer.text
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
def test_webhooks_see_placeholders_and_the_caller_values(relay, echo, guard, dialect, stream):
    rules = ContentRules(
        redaction={"entities": {"EMAIL_ADDRESS": "mask"}},
        content_policy=judged_by(guard, "input", "output"),
    )
    key = relay.project_key(policy=Policy(content=rules))
    body = ask(dialect, "write to ann.lee@example.com now", stream=stream)
    answer = post(relay, key, body, PATHS[dialect])
    assert answer.status_code == 200
    assert "ann.lee@example.com" in answer.text
    assert [one["phase"] for one in guard.bodies] == ["input", "output"]
    assert len(guard.texts) == 2
    for text in guard.texts:
        assert re.fullmatch(r"write to EMAIL_ADDRESS_\w+ now", text)


def test_forms_and_other_endpoints_are_checked(relay, echo):
    key = keyed(relay, {"patterns": [{**BLOCK, "where": "input"}]})
    headers = {"authorization": f"Bearer {key}"}
    for path, members in (
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["x", "a blue bird"]}),
        ("/v1/responses", {"model": "gpt-4o-mini", "input": "a blue bird"}),
        ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "a blue bird"}),
        ("/v1/moderations", {"model": "omni-moderation-latest", "input": "a blue bird"}),
    ):
        assert post(relay, key, members, path).status_code == 400
    answer = httpx.post(
        f"{relay.url}/v1/audio/transcriptions",
        data={"model": "whisper-1", "prompt": "a blue bird"},
        files={"file": ("talk.mp3", b"\xff\xfb" * 10)},
        headers=headers,
        trust_env=False,
    )
    assert answer.status_code == 400
    assert "codename" in answer.text
    assert request_ids(echo) == []


def test_the_documented_webhook_works(relay, echo, tmp_path):
    """It knows the secret that administrators are shown, and refuses what is not signed by it."""
    document = Path("docs/content-policy.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (tmp_path / "guardrail.py").write_text(program)
    port = free_port()
    url = f"http://127.0.0.1:{port}/judge"
    secret = shown_secret(secrets.derive(INTERNAL_SECRET, key_purpose(url)))
    with subprocess.Popen(
        [sys.executable, "guardrail.py", str(port)],
        cwd=tmp_path,
        env={**os.environ, "WEBHOOK_SECRET": secret},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            unsigned = {"headers": {"webhook-timestamp": "1"}, "content": b"{}"}
            eventually(lambda: _answers(url, unsigned) == 401)
            key = keyed(relay, {"webhook": {"url": url}})
            assert post(relay, key, ask("openai", "hello")).status_code == 200
            answer = post(relay, key, ask("openai", "the launch codes, please"))
        finally:
            process.kill()
    assert answer.status_code == 400
    assert answer.headers["x-relay-content"] == "launch-codes"


def _answers(url, request):
    try:
        return httpx.post(url, **request, trust_env=False).status_code
    except httpx.ConnectError:
        return None
