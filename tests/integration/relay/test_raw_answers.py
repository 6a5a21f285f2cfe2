"""Speech: bytes as they arrive, as fast as the caller reads, and never half of them as a whole."""

import contextlib
import itertools
import json
import socket
import threading
import time

import httpx
import psutil
import pytest

from tests.support.asking import METERED, asked
from tests.support.relay_process import eventually, stored_account

MB = 1_000_000


def speech(fault="", **members):
    """What httpx sends for speech with a fault."""
    options = asked("audio.speech", **members).options
    options["headers"]["x-echo-fault"] = fault
    return {"method": "POST", **options}


@contextlib.contextmanager
def provider_that_sends(head, body):
    """A provider that sends a head and a body to whoever asks, then hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    _read_request(connection)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def _read_request(connection):
    with connection.makefile("rb") as reading:
        head = b"".join(iter(reading.readline, b"\r\n")).lower()
        reading.read(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))


def test_bytes_come_as_they_are(relay, echo):
    with httpx.Client(headers={"authorization": "Bearer k"}, trust_env=False) as direct:
        there = direct.request(**speech() | {"url": f"{echo.url}/v1/audio/speech"})
    here = relay.client.request(**speech())
    assert here.status_code == there.status_code == 200
    assert here.content == there.content
    assert here.headers["content-type"] == there.headers["content-type"] == "audio/mpeg"
    record = relay.record(here.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("ok", "complete")
    # Speech says nothing of what it used: the text is counted by its size.
    assert (record.usage_source, record.tokens.input) == ("estimated", 4)
    assert record.endpoint == "audio.speech"


def test_each_piece_comes_before_the_next_is_sent(relay, echo):
    moments, size = [], 0
    with relay.client.stream(**speech("chunks=6,bytes=60000,chunk_delay_ms=150")) as answer:
        for piece in answer.iter_raw():
            moments.append(time.monotonic())
            size += len(piece)
            assert echo.requests()[0]["chunks_sent"] <= size // 10_000 + 1
    assert size == 60_000
    assert len(moments) >= 6
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert sum(gap > 0.05 for gap in gaps) == 5


SIX_BYTES = b"content-type: audio/mpeg\r\ncontent-length: 6"


def test_a_length_that_the_provider_names_is_passed_on(relay):
    with provider_that_sends(SIX_BYTES, b"abcdef") as url:
        relay.project_accounts(stored_account(url))
        answer = relay.client.request(**speech())
    assert answer.content == b"abcdef"
    assert answer.headers["content-length"] == "6"
    assert "transfer-encoding" not in answer.headers
    assert relay.only_record().status == "ok"


def check_broken_off(relay, error_code):
    record = relay.only_record()
    assert (record.status, record.error_code) == ("error", error_code)
    assert record.endpoint == "audio.speech"
    assert relay.open_leases() == (0, 0)
    assert not relay.log_lines("internal_error")


def read_until_broken(relay, request):
    """What comes until the connection breaks; a whole answer is a failure."""
    received = []
    with relay.client.stream(**request) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(answer.iter_raw())
    return b"".join(received)


@pytest.mark.parametrize("fault", ["cut_after=3", "reset_after=3"])
def test_what_the_provider_cuts_never_looks_whole(relay, fault):
    received = read_until_broken(relay, speech(f"bytes=200000,{fault}"))
    assert len(received) <= 3 * 16384
    assert received == b"ID3".ljust(len(received), b"\0")
    check_broken_off(relay, "upstream_cut")


def test_what_the_provider_cuts_before_its_length_never_looks_whole(relay):
    with provider_that_sends(SIX_BYTES, b"abc") as url:
        relay.project_accounts(stored_account(url))
        read_until_broken(relay, speech())
    check_broken_off(relay, "upstream_cut")


@pytest.mark.parametrize("fault", ["cut_after=0", "reset_after=0"])
def test_what_is_cut_before_its_first_byte_is_an_error_of_the_dialect(relay, fault):
    answer = relay.client.request(**speech(fault))
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_cut"
    check_broken_off(relay, "upstream_cut")


def test_after_a_cut_the_next_caller_is_served(relay):
    for _ in range(5):
        with pytest.raises(httpx.RemoteProtocolError):
            relay.client.request(**speech("bytes=200000,cut_after=3"))
        assert relay.client.request(**speech()).status_code == 200
    eventually(lambda: len(relay.records()) == 10)
    assert sorted(record.status for record in relay.records()) == ["error"] * 5 + ["ok"] * 5


def test_an_error_instead_of_bytes(relay):
    answer = relay.client.request(**speech("status=400"))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_a_caller_who_does_not_read_holds_the_provider_up_and_not_relays_memory(relay, echo):
    relay.client.request(**speech(f"bytes={MB}")).raise_for_status()
    usual = psutil.Process(relay.pid).memory_info().rss
    body = json.dumps({"model": "gpt-4o-mini-tts", "input": "a", "voice": "alloy"}).encode()
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        caller.settimeout(30)
        caller.connect(("127.0.0.1", relay.port))
        head = (
            f"POST /v1/audio/speech HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n"
            f"authorization: Bearer {relay.key}\r\ncontent-type: application/json\r\n"
            f"x-echo-fault: bytes={60 * MB}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        caller.sendall(head.encode() + body)
        received = len(caller.recv(1000))
        time.sleep(0.7)
        held = echo.requests()[-1]["chunks_sent"]
        time.sleep(0.7)
        assert echo.requests()[-1]["chunks_sent"] == held
        assert held * 16 * 1024 < 30 * MB
        assert psutil.Process(relay.pid).memory_info().rss - usual < 40 * MB
        while piece := caller.recv(MB):
            received += len(piece)
    assert received > 60 * MB
    eventually(lambda: len(relay.records()) == 2)
    assert {record.status for record in relay.records()} == {"ok"}


def test_a_caller_who_leaves_in_the_middle(relay, echo):
    with relay.client.stream(**speech("chunks=500,bytes=500000,chunk_delay_ms=20")) as answer:
        for _ in itertools.islice(answer.iter_raw(), 3):
            pass
    record = relay.only_record()
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    eventually(lambda: echo.requests()[0]["client_gone"])
    assert relay.open_leases() == (0, 0)


STREAMLESS = ["embeddings", "moderations", "messages.count_tokens"]


@pytest.mark.parametrize(
    ("endpoint", "content_type"),
    [(name, "audio/mpeg") for name in METERED if name != "audio.speech"]
    + [(name, "text/event-stream") for name in STREAMLESS],
)
def test_what_belongs_elsewhere_is_no_answer_and_the_next_account_is_asked(
    relay, echo, endpoint, content_type
):
    provider = "anthropic" if endpoint.startswith("messages") else "openai"
    head = f"content-type: {content_type}".encode()
    with provider_that_sends(head, b"data: {}\n\n") as url:
        relay.project_accounts(stored_account(url, provider=provider))
        answer = relay.client.post(**asked(endpoint).options)
    assert answer.status_code == 200, answer.text
    line = relay.log_line(answer.headers["x-request-id"])
    assert line["attempts"] == 2
    assert len(echo.requests()) == 1
    assert not relay.log_lines("internal_error")
