"""The way of the seeds through the built images: a key, a streamed chat, the drain, the ledger."""

import statistics
import time

import httpx
import pytest

from cli.dev.ports import free_port
from tests.images.containers import Container
from tests.images.stack import FUNCTIONS, Stack, Streams, events_of, text_of
from tests.support.servers import RedisServer

pytestmark = pytest.mark.images

STREAMS = 8
WORDS = " ".join(f"word{number}" for number in range(20))
SLOW = f"{WORDS} [[echo chunk_delay_ms=150]]"
# The floor of every start: an interpreter in a container that answers 200.
_BARE = """
import asyncio
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", {port})
    await server.serve_forever()
asyncio.run(main())
"""
_ROUNDS = 5


@pytest.fixture(scope="module")
def started(tmp_path_factory, image, edge_image, postgres_server):
    directory = tmp_path_factory.mktemp("stack")
    with (
        postgres_server.database(migrated=False) as database_url,
        RedisServer(directory / "redis") as redis,
    ):
        stack = Stack(directory, image, edge_image, database_url, redis.url)
        try:
            stack.start()
            yield stack
        finally:
            stack.remove()


@pytest.fixture
def stack(started):
    """All parts of it run."""
    started.start_what_has_stopped()
    return started


def test_a_key_a_streamed_chat_and_its_record(stack):
    key = stack.create_key()
    assert key.startswith("cr_")
    answer = stack.stream(key, WORDS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert text_of(answer) == WORDS
    assert events_of(answer)[-1] == "[DONE]"
    (record,) = stack.records({answer.headers["x-request-id"]})
    assert (record["status"], record["usage_source"]) == ("ok", "reported")
    assert float(record["cost_usd"]) > 0
    # It came by the event: nothing else drains the outbox here.
    assert '"function":"usage_aggregation"' in stack.parts["usage_aggregation"].log


def test_chunks_cross_the_edge_as_they_are_made(stack):
    key = stack.create_key()
    with stack.open_stream(key, SLOW) as answer:
        arrived = [time.monotonic() for _ in answer.iter_raw()]
    # Held back chunks would come together.
    assert arrived[-1] - arrived[0] > 1.5


def test_the_caller_that_the_edge_saw_is_what_relay_believes(stack):
    answer = httpx.get(
        f"{stack.url}/v1/models",
        headers={"authorization": "Bearer wrong", "x-forwarded-for": "6.6.6.6"},
    )
    assert answer.status_code == 401
    assert "6.6.6.6" not in stack.parts["relay"].log


def test_sigterm_in_the_middle_of_streams_cuts_none_and_loses_no_record(stack):
    key = stack.create_key()
    streams = Streams(stack, key, [SLOW] * STREAMS)
    streams.wait_until_under_way()
    stack.parts["relay"].signal("TERM")
    assert stack.parts["relay"].wait() == 0
    streams.wait()
    assert not streams.failures
    assert [text_of(answer).strip() for answer in streams.answers] == [WORDS] * STREAMS
    records = stack.records({answer.headers["x-request-id"] for answer in streams.answers})
    assert {record["status"] for record in records} == {"ok"}
    # The next request meets no relay, and is told so in the dialect; then relay is back.
    away = stack.stream(key, WORDS)
    assert away.status_code == 502
    assert away.json()["error"]["type"] == "server_error"
    stack.parts["relay"].start()
    assert text_of(stack.stream(key, WORDS)) == WORDS


def test_sigquit_at_the_edge_lets_streams_end(stack):
    key = stack.create_key()
    streams = Streams(stack, key, [SLOW] * STREAMS)
    streams.wait_until_under_way()
    stack.parts["edge"].signal("QUIT")
    assert stack.parts["edge"].wait() == 0
    streams.wait()
    assert not streams.failures
    assert [text_of(answer).strip() for answer in streams.answers] == [WORDS] * STREAMS


def test_a_tick_reaches_cleanup(stack):
    assert stack.send_event("dev.knative.sources.ping", {"task": "outbox"}) == 202
    _until(lambda: '"outbox"' in stack.parts["cleanup"].log)


def test_no_log_has_a_secret(stack):
    key = stack.create_key()
    answer = stack.stream(key, WORDS)
    stack.records({answer.headers["x-request-id"]})
    logs = "".join(part.log for part in stack.parts.values())
    assert "request" in logs
    for secret in (key, stack.master_key, stack.edge_token):
        assert secret not in logs


def test_every_part_ends_at_its_stop_signal(stack):
    for name in FUNCTIONS:
        stack.parts[name].signal("TERM")
        assert stack.parts[name].wait() == 0, name


def test_a_container_that_is_stopped_while_it_starts_ends(image, tmp_path):
    # As the first process of its container it would have no default action.
    (tmp_path / "slow.py").write_text("import time\nprint('importing')\ntime.sleep(600)\n")
    tmp_path.chmod(0o755)
    container = Container(
        image,
        ("python", "-m", "common.serve", "slow.slow:application"),
        port=0,
        options=(f"--volume={tmp_path}:/modules/slow:ro", "--env=PYTHONPATH=/modules"),
    )
    try:
        container.launch()
        _until(lambda: "importing" in container.log)
        container.signal("TERM")
        assert container.ends_within(10)
        assert container.wait() == 0
    finally:
        container.remove()


def test_starts_are_measured(stack, image, capsys):
    port = free_port()
    parts = {name: stack.parts[name] for name in (*FUNCTIONS, "edge")}
    for part in parts.values():
        part.signal("KILL")
        part.wait()
    bare = Container(image, ("python", "-c", _BARE.format(port=port)), port=port)
    times = {name: [] for name in ("bare", *parts)}
    try:
        for _ in range(_ROUNDS):
            for name, part in {"bare": bare, **parts}.items():
                times[name].append(part.start())
                part.signal("KILL")
                part.wait()
    finally:
        bare.remove()
    floor = statistics.median(times["bare"])
    with capsys.disabled():
        print(f"\nstart of a container to its first 200, bare python: {floor * 1000:.0f} ms")
        for name in parts:
            print(f"{name}: {statistics.median(times[name]) / floor:.2f} x bare python")


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
