"""Test calls of accounts: every step is told, no secret is, and none goes past a proxy."""

import asyncio
import base64
import json

import pytest

from common.domain.credentials import Credential
from functions.key_admin.account_trial import trial
from tests.support.bedrock_frames import frame
from tests.support.provider_accounts import account_of

SECRET = "sk-planted-in-a-test-call"
SSE = ("text/event-stream", b'data: {"id":"c1"}\n\ndata: [DONE]\n\n')


class Provider:
    """Answers every request alike, and keeps what it was asked."""

    def __init__(self, status=200, kind="text/event-stream", body=b""):
        self.answer = (
            f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        ).encode() + body
        self.asked = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (length,) = [
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        self.asked.append((head, await reader.readexactly(length)))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


async def told(account, model="m"):
    lines = [line async for line in trial(account, model, "Say OK.", 16, "01R")]
    assert not any(SECRET.encode() in line for line in lines)
    return [json.loads(line) for line in lines]


def openai(url, **credential):
    return account_of("openai", f"{url}/v1", Credential(api_key=SECRET, **credential))


async def test_each_event_of_the_stream_is_told():
    async with Provider(200, *SSE) as provider:
        lines = await told(openai(provider.url))
    assert [line["event"] for line in lines] == ["asked", "answered", "data", "data", "done"]
    assert lines[0]["url"] == f"{provider.url}/v1/chat/completions"
    assert [line["data"] for line in lines[2:4]] == [{"id": "c1"}, "[DONE]"]
    assert lines[-1]["ok"] is True
    ((head, body),) = provider.asked
    assert f"Bearer {SECRET}" in head
    assert json.loads(body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Say OK."}],
        "stream": True,
        "max_completion_tokens": 16,
    }


async def test_a_refusal_is_told_in_the_provider_s_words_but_for_the_key():
    words = json.dumps({"error": {"message": f"Incorrect API key: {SECRET}"}}).encode()
    async with Provider(401, "application/json", words) as provider:
        lines = await told(openai(provider.url))
    assert [line["event"] for line in lines] == ["asked", "refused", "failed", "done"]
    assert "Incorrect API key: ***" in lines[1]["body"]
    assert lines[-1]["ok"] is False


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>"),
        (200, "text/event-stream", b""),
        (200, "application/vnd.amazon.eventstream", b"no frame at all"),
        (302, "text/event-stream", b"data: {}\n\n"),
    ],
)
async def test_what_is_no_answer_is_no_success(status, kind, body):
    async with Provider(status, kind, body) as provider:
        lines = await told(openai(provider.url))
    assert [line["event"] for line in lines[-2:]] == ["failed", "done"]
    assert lines[-1]["ok"] is False


async def test_nobody_there_is_told():
    lines = await told(openai("http://127.0.0.1:9"))
    assert [line["event"] for line in lines] == ["asked", "failed", "done"]
    assert "could not be reached" in lines[1]["message"]


async def test_bedrock_s_frames_are_told_as_events():
    stop = b'{"stopReason":"end_turn"}'
    framed = frame(stop, message_type="event", event_type="messageStop")
    async with Provider(200, "application/vnd.amazon.eventstream", framed) as provider:
        key = Credential(access_key_id="AKIA", secret_access_key=SECRET)
        lines = await told(account_of("bedrock", provider.url, key, region="eu-west-1"), "a.b:0")
    assert lines[2] == {"event": "data", "data": {"stopReason": "end_turn"}}
    assert lines[-1]["ok"] is True
    ((head, _),) = provider.asked
    assert "POST /model/a.b%3A0/converse-stream " in head


async def test_an_account_with_a_proxy_is_asked_by_it_and_only_by_it():
    async with Provider(200, *SSE) as proxy, Provider(200, *SSE) as provider:
        way_out = proxy.url.replace("http://", "http://user:planted@")
        lines = await told(openai("http://provider.invalid", egress_proxy=way_out))
        assert lines[-1]["ok"] is True
        ((head, _),) = proxy.asked
        assert head.startswith("POST http://provider.invalid/v1/chat/completions ")
        password = base64.b64encode(b"user:planted").decode()
        assert f"Basic {password}" in head
        gone = await told(openai(provider.url, egress_proxy="http://127.0.0.1:9"))
        assert gone[-1]["ok"] is False
        assert provider.asked == []
