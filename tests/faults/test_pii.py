"""`pii` cold, slow and killed: who may wait loses nothing, and who cannot is told."""

import asyncio
import signal

import pytest

from cli.dev.ports import free_port
from common.providers.http import UpstreamClient
from common.redaction.model_findings import ModelUnavailable
from tests.support.pii_parties import ALL, SmallRedis, finder_of
from tests.support.processes import INTERNAL_SECRET, ServedProcess

AT_ONCE = 30


async def test_pii_cold_slow_and_killed(tmp_path):
    port = free_port()
    process = ServedProcess(
        "functions.pii.main:application",
        port,
        tmp_path / "pii.log",
        RELAY_INTERNAL_SECRET=INTERNAL_SECRET,
        OPENBLAS_NUM_THREADS="1",
    )
    upstream, redis = UpstreamClient(), SmallRedis()

    def finder(timeout_ms):
        return finder_of(upstream, redis, url=f"http://127.0.0.1:{port}", timeout_ms=timeout_ms)

    patient = finder(100_000)

    async def ask(number):
        text = f"Ask Maria Gonzalez about invoice {number}."
        [found] = await patient.find([text], ALL, "tenant")
        return [text[one.start : one.end] for one in found]

    # Cold: nobody listens while all of them ask.
    asking = [asyncio.create_task(ask(number)) for number in range(AT_ONCE)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in asking)
    try:
        process.begin()
        assert await asyncio.gather(*asking) == [["Maria Gonzalez"]] * AT_ONCE

        # Slow: it takes requests and does not answer in time; what is remembered needs it not.
        process.process.send_signal(signal.SIGSTOP)
        impatient = finder(300)
        with pytest.raises(ModelUnavailable, match="within"):
            await impatient.find(["Something about John Smith."], ALL, "tenant")
        [remembered] = await impatient.find(["Ask Maria Gonzalez about invoice 1."], ALL, "tenant")
        assert len(remembered) == 1
        process.process.send_signal(signal.SIGCONT)
        assert await ask(AT_ONCE) == ["Maria Gonzalez"]
    finally:
        process.kill()

    # Killed.
    with pytest.raises(ModelUnavailable, match="within 300 ms"):
        await finder(300).find(["Something about Jane Smith."], ALL, "tenant")
    await patient.close()
    await upstream.close()
