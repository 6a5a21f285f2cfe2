"""Several relays at once: drained by SIGTERM, with clocks apart, stopped and killed in turn."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.load import run_mixed, run_streams
from tests.support.relay_process import eventually
from tests.support.witnesses import Witness

CONCURRENCY = 50
STREAMS = 50
SKEW_S = 5
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.timeout(300)
def test_fifty_streams_are_drained_by_sigterm(stack):
    """All of them end whole, each is posted with what it had, and the process ends by itself."""
    witness, keys = Witness(stack), stack.limited_keys()

    async def stream_and_stop():
        streams = asyncio.create_task(run_streams(stack.url, keys[0], STREAMS))
        await asyncio.to_thread(eventually, lambda: streaming(witness) == STREAMS, 60)
        stack.signal("relay", signal.SIGTERM)
        return await streams

    ends = asyncio.run(stream_and_stop())
    assert [end.endswith(b"data: [DONE]\n\n") for end in ends] == [True] * STREAMS
    assert witness.check(nothing_died=True) == {"ok": STREAMS}


def streaming(witness: Witness) -> int:
    """How many streams the provider has begun."""
    return sum(row["chunks_sent"] > 0 for row in witness.asked())


@pytest.mark.timeout(300)
@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.soak)])
def test_clocks_ten_seconds_apart(stack, tmp_path, count):
    """Two replicas, one 5 s behind and one 5 s ahead: what counts is Redis' clock alone."""
    with (
        stack.further_relay(tmp_path / "behind", **skewed(-SKEW_S)) as behind,
        stack.further_relay(tmp_path / "ahead", **skewed(SKEW_S)) as ahead,
    ):
        witness = Witness(stack, [behind.log, ahead.log])
        keys = stack.limited_keys()
        asyncio.run(run_mixed([behind.url, ahead.url], keys, count, CONCURRENCY))
        statuses = witness.check(nothing_died=True)
    assert statuses["ok"] > 0
    assert statuses["interrupted"] == 0


def skewed(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is so many seconds off; timers run as ever."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
