"""Each fault once, as a client sees it and as the record tells it."""

import json
import time

import httpx
import pytest

from tests.support.echo import chat_body, message_body

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


def whole(client, fault, body=None):
    return client.post(CHAT, json=body or chat_body(), headers={"x-echo-fault": fault})


def stream(client, fault, path=CHAT, body=None):
    """The events that come, and the error that ends them, if any."""
    body = body or chat_body()
    text = ""
    headers = {"x-echo-fault": fault}
    try:
        with client.stream("POST", path, json=body | {"stream": True}, headers=headers) as answer:
            for piece in answer.iter_text():
                text += piece
    except httpx.TransportError as error:
        return text.split("\n\n")[:-1], error
    return text.split("\n\n")[:-1], None


def last(echo):
    """The record, once the request has ended."""
    end = time.monotonic() + 5
    while echo.totals()["finished"] < echo.totals()["requests"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    return echo.requests()[-1]


def test_status_with_retry_after_and_code(client, echo):
    answer = whole(client, "status=429 retry_after=7 code=insufficient_quota")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    record = last(echo)
    assert (record["status"], record["completed"], record["input_tokens"]) == (429, False, 0)


def test_a_status_that_is_no_error_keeps_the_answer(client):
    assert whole(client, "status=202").json()["object"] == "chat.completion"
    assert whole(client, "status=204").content == b""


def test_status_twice_then_well(client):
    fault = "status=503 times=2 tag=here"
    assert [whole(client, fault).status_code for _ in range(3)] == [503, 503, 200]


def test_delay(client):
    start = time.monotonic()
    assert whole(client, "delay_ms=150").status_code == 200
    assert time.monotonic() - start >= 0.15


def test_the_client_leaves_within_a_delay(client, echo):
    with pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=chat_body(), headers={"x-echo-fault": "delay_ms=60000"}, timeout=0.1)
    record = last(echo)
    assert (record["client_gone"], record["completed"], record["status"]) == (True, False, 0)


def test_chunk_delay(client):
    start = time.monotonic()
    events, error = stream(client, "chunk_delay_ms=20")
    assert error is None
    assert time.monotonic() - start >= 0.02 * (len(events) - 1)


def test_amounts(client, echo):
    assert len(stream(client, "chunks=9")[0]) == 9 + 3
    assert len(stream(client, "words=30")[0]) == 30 + 3
    assert len(whole(client, "bytes=1000").json()["choices"][0]["message"]["content"]) == 1000
    events, _ = stream(client, "huge_event=2000000")
    assert len(events) == 4
    assert len(events[1]) > 2_000_000
    assert [record["output_tokens"] for record in echo.requests()] == [9, 30, 125, 250_000]


def test_cut(client, echo):
    events, error = stream(client, "words=40,cut_after=5")
    assert len(events) == 5
    assert isinstance(error, httpx.RemoteProtocolError)
    record = last(echo)
    assert (record["chunks_sent"], record["output_tokens"]) == (5, 4)
    assert (record["completed"], record["client_gone"]) == (False, False)


def test_a_cut_right_before_the_end(client, echo):
    events, error = stream(client, "cut_after=6")
    assert events[-1] == "data: [DONE]"
    assert error is not None
    assert not last(echo)["completed"]


def test_stall(client, echo):
    client.timeout = 0.15
    events, error = stream(client, "stall_after=2")
    assert len(events) == 2
    assert isinstance(error, httpx.ReadTimeout)
    record = last(echo)
    assert (record["client_gone"], record["chunks_sent"]) == (True, 2)


def test_reset_within_a_stream(client, echo):
    events, error = stream(client, "words=40,reset_after=3")
    assert len(events) == 3
    assert isinstance(error, httpx.ReadError)
    assert last(echo)["chunks_sent"] == 3


def test_reset_before_the_answer(client, echo):
    with pytest.raises(httpx.ReadError):
        whole(client, "reset")
    assert (last(echo)["status"], last(echo)["completed"]) == (0, False)


def test_error_event(client, echo):
    events, error = stream(client, "error_after=2")
    assert error is None
    assert json.loads(events[2].removeprefix("data: "))["error"]["type"] == "server_error"
    assert len(events) == 3
    assert not last(echo)["completed"]
    events, _ = stream(client, "error_after=3", MESSAGES, message_body())
    name, body = events[-1].split("\n")
    assert name == "event: error"
    assert json.loads(body.removeprefix("data: "))["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(("path", "body"), [(CHAT, chat_body()), (MESSAGES, message_body())])
def test_garbage_event(client, echo, path, body):
    events, error = stream(client, "garbage_after=2", path, body)
    assert error is None
    with pytest.raises(ValueError, match="Unterminated string"):
        json.loads(events[2].partition("data: ")[2])
    good, _ = stream(client, "", path, body)
    assert len(events) == len(good) + 1
    assert [record["completed"] for record in echo.requests()] == [False, True]


def test_half_json_lying(client, echo):
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        whole(client, "half_json")
    assert not last(echo)["completed"]


def test_half_json_and_silence(client, echo):
    client.timeout = 0.3
    with pytest.raises(httpx.ReadTimeout):
        whole(client, "half_json=stall")
    assert (last(echo)["status"], last(echo)["completed"]) == (200, False)


@pytest.mark.parametrize("manner", ["close", "exact"])
def test_half_json(client, echo, manner):
    answer = whole(client, f"half_json={manner}")
    assert ("content-length" in answer.headers) == (manner == "exact")
    assert answer.text.startswith('{"id"')
    with pytest.raises(ValueError, match=r"JSON|delimiter|Unterminated|Expecting"):
        answer.json()
    assert not last(echo)["completed"]


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("html", "text/html"), ("json", "application/json"), ("binary", "application/octet-stream")],
)
def test_garbage(client, echo, kind, content_type):
    answer = whole(client, f"garbage={kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert "choices" not in answer.text
    assert not last(echo)["completed"]
    assert whole(client, f"garbage={kind} status=502").status_code == 502


def test_redirect(client, echo):
    answer = whole(client, "redirect")
    assert (answer.status_code, answer.headers["location"]) == (302, "/echo/redirected")
    assert whole(client, "redirect=http://other/ status=307").status_code == 307
    assert {record["endpoint"] for record in echo.requests()} == {CHAT}
    client.get(answer.headers["location"])
    assert echo.requests()[-1]["endpoint"] == "/echo/redirected"


def test_empty_body(client, echo):
    answer = whole(client, "empty_body")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not last(echo)["completed"]


def test_no_usage(client, echo):
    assert "usage" not in whole(client, "usage=none").json()
    asked = chat_body(stream_options={"include_usage": True})
    assert not any("usage" in event for event in stream(client, "usage=none", body=asked)[0])
    assert [record["output_tokens"] for record in echo.requests()] == [3, 3]


def test_usage_figures(client, echo):
    usage = whole(client, "cached=2 reasoning=10").json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 10
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (3, 13)
    stream(client, "reasoning=10")
    assert [record["output_tokens"] for record in echo.requests()] == [13, 13]
    assert echo.requests()[0]["input_tokens"] == 1


@pytest.mark.parametrize(
    ("fault", "streamed"),
    [("cut_after=1", False), ("half_json", True), ("cache_write=1", False), ("cutt=1", False)],
)
def test_a_fault_that_cannot_happen_is_refused(client, fault, streamed):
    answer = whole(client, fault, chat_body(stream=streamed))
    assert answer.status_code == 400
    assert "echo: " in answer.json()["error"]["message"]


def test_faults_of_other_endpoints(client):
    headers = {"x-echo-fault": "status=500"}
    assert client.get("/v1/models", headers=headers).status_code == 500
    body = message_body("x [[echo status=529]]")
    assert client.post("/v1/messages/count_tokens", json=body).status_code == 529
