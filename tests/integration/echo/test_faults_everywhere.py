"""The faults that come before an answer, and those of a whole one, at every endpoint."""

import time

import httpx
import pytest

from tests.support.echo import chat_body, message_body

FILE = {"file": ("a.mp3", bytes(1000), "audio/mpeg")}
IMAGE = {"image": ("a.png", b"x", "image/png")}
CONTENTS = {"contents": [{"parts": [{"text": "a b"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "a b"}]}]}
ENDPOINTS = {
    "/v1/chat/completions": {"json": chat_body()},
    "/v1/messages": {"json": message_body()},
    "/v1/messages/count_tokens": {"json": message_body()},
    "/v1/completions": {"json": {"model": "gpt-3.5-turbo-instruct", "prompt": "a b"}},
    "/v1/responses": {"json": {"model": "gpt-4o", "input": "a b"}},
    "/v1/embeddings": {"json": {"model": "text-embedding-3-small", "input": "a b"}},
    "/v1/moderations": {"json": {"input": "a b"}},
    "/v1/images/generations": {"json": {"model": "gpt-image-1", "prompt": "a b"}},
    "/v1/images/edits": {"data": {"model": "gpt-image-1", "prompt": "a b"}, "files": IMAGE},
    "/v1/images/variations": {"files": IMAGE},
    "/v1/audio/transcriptions": {"data": {"model": "gpt-4o-transcribe"}, "files": FILE},
    "/v1/audio/translations": {"data": {"model": "whisper-1"}, "files": FILE},
    "/v1beta/models/gemini-2.5-flash:generateContent": {"json": CONTENTS},
    "/openai/v1/chat/completions": {"json": chat_body()},
    "/model/anthropic.claude-sonnet-4-5/converse": {"json": CONVERSE},
    "/v1/audio/speech": {"json": {"model": "tts-1", "input": "a b", "voice": "alloy"}},
}
WHOLE = [path for path in ENDPOINTS if path != "/v1/audio/speech"]


@pytest.fixture(params=ENDPOINTS)
def path(request):
    return request.param


def sent(client, path, fault):
    headers = {"x-echo-fault": fault, "x-goog-api-key": "k"}
    return client.post(path, **ENDPOINTS[path], headers=headers)


def test_an_answer_is_listed(client, echo, path):
    assert sent(client, path, "").status_code == 200
    (record,) = echo.requests()
    assert (record["endpoint"], record["status"], record["completed"]) == (path, 200, True)


def test_status(client, echo, path):
    answer = sent(client, path, "status=429 retry_after=7 code=c")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    error = answer.json()
    assert error.get("error", error)["message"]
    (record,) = echo.requests()
    assert (record["status"], record["completed"], record["input_tokens"]) == (429, False, 0)


def test_delay(client, path):
    start = time.monotonic()
    assert sent(client, path, "delay_ms=60").status_code == 200
    assert time.monotonic() - start >= 0.06


def test_reset(client, path):
    with pytest.raises(httpx.ReadError):
        sent(client, path, "reset")


def test_garbage(client, path):
    assert "<html>" in sent(client, path, "garbage=html status=502").text
    assert sent(client, path, "empty_body").content == b""
    error = sent(client, path, "error_body")
    assert error.status_code == 200
    assert error.json().get("error", error.json())["message"]


@pytest.mark.parametrize("path", WHOLE)
def test_half_a_body(client, echo, path):
    with pytest.raises(httpx.RemoteProtocolError):
        sent(client, path, "half_json=lying")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        sent(client, path, "half_json=exact").json()
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        sent(client, path, "half_json=excess").json()
    with pytest.raises(httpx.ReadError):
        sent(client, path, "half_json=reset")
    assert not any(record["completed"] for record in echo.requests())


@pytest.mark.parametrize("path", WHOLE)
def test_what_is_for_streams_only(client, path):
    for fault in ("cut_after=1", "stall_after=1", "reset_after=1", "error_after=1"):
        assert sent(client, path, fault).status_code == 400


def test_without_a_key(client, path):
    refused = client.post(path, **ENDPOINTS[path], headers={"authorization": ""})
    assert refused.status_code in {401, 403}
