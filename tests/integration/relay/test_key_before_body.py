"""Who may not call is refused before the body is read, and hears of it whatever is being sent."""

import socket
import subprocess

import anthropic
import httpx
import openai
import pytest
import redis

from tests.support.relay_process import CHAT, MESSAGES, ask

MB = 1_000_000
BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"' + b"a" * 20 * MB
TURNS = [{"role": "user", "content": "a" * 20 * MB}]


def head_of(relay, key, path=CHAT):
    """A request's head that announces a body of 20 MB, of which nothing is sent."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    ).encode()


def scripts_run(relay):
    """How many scripts Redis has run."""
    with redis.Redis.from_url(relay.redis.url) as client:
        stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


@pytest.mark.parametrize("status", ["unknown", "revoked", "without the scope"])
def test_the_answer_comes_before_any_of_the_body(relay, status):
    key = "cr_unknown"
    if status == "revoked":
        key = relay.project_key(status="revoked")
    elif status == "without the scope":
        key = relay.project_key(scopes=["models"])
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.settimeout(10)
        caller.sendall(head_of(relay, key))
        answered = caller.recv(10_000)
    wanted = {"unknown": b"503", "revoked": b"401", "without the scope": b"403"}[status]
    assert answered.startswith(b"HTTP/1.1 " + wanted)  # without Postgres nobody is unknown


def test_a_key_revoked_meanwhile_is_refused_without_a_body_from_its_second_request_on(relay):
    relay.client.post(CHAT, json=ask("openai")).raise_for_status()
    relay.project_key(secret=relay.key, status="revoked")
    assert relay.client.post(CHAT, json=ask("openai")).status_code == 401
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.settimeout(10)
        caller.sendall(head_of(relay, relay.key))
        assert caller.recv(10_000).startswith(b"HTTP/1.1 401")


def test_a_known_key_costs_two_calls_and_a_new_one_three(relay):
    relay.record(relay.client.post(CHAT, json=ask("openai")).headers["x-request-id"])
    relay.client.headers["authorization"] = f"Bearer {relay.project_key()}"
    calls = []  # the scripts are in Redis by now
    for _ in range(3):
        before = scripts_run(relay)
        request_id = relay.client.post(CHAT, json=ask("openai")).headers["x-request-id"]
        relay.record(request_id)
        calls.append(scripts_run(relay) - before)
    assert calls == [3, 2, 2]


def test_what_is_sent_nevertheless_is_taken_and_the_connection_is_good_for_more(relay):
    key = relay.project_key(status="revoked")
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.settimeout(20)
        for _ in range(3):
            caller.sendall(head_of(relay, key) + BODY)
            assert caller.recv(10_000).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_httpx_hears_of_it(relay, path):
    headers = {"authorization": f"Bearer {relay.project_key(status='revoked')}"}
    headers["content-type"] = "application/json"
    with httpx.Client(base_url=relay.url, trust_env=False, timeout=30) as caller:
        for _ in range(5):
            assert caller.post(path, content=BODY, headers=headers).status_code == 401
            assert caller.post(path, content=b"{}", headers=headers).status_code == 401


def test_the_sdks_hear_of_it(relay):
    key = relay.project_key(status="revoked")
    with openai.OpenAI(base_url=f"{relay.url}/v1", api_key=key, max_retries=0) as client:
        for _ in range(3):
            with pytest.raises(openai.AuthenticationError):
                client.chat.completions.create(model="gpt-4o-mini", messages=TURNS)
    with anthropic.Anthropic(base_url=relay.url, api_key=key, max_retries=0) as claude:
        for _ in range(3):
            with pytest.raises(anthropic.AuthenticationError):
                claude.messages.create(model="claude-sonnet-5", max_tokens=9, messages=TURNS)


@pytest.mark.parametrize("options", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]])
def test_curl_hears_of_it(relay, tmp_path, options):
    (tmp_path / "body").write_bytes(BODY)
    key = relay.project_key(status="revoked")
    command = ["curl", "-s", "--noproxy", "*", "-w", "%{http_code}", "-o", "/dev/null"]
    command += ["-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json"]
    command += [*options, "--data-binary", f"@{tmp_path / 'body'}", relay.url + CHAT]
    for _ in range(3):
        asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (asked.returncode, asked.stdout) == (0, "401")
