"""Redis and Postgres killed, restarted, flushed and full under load: what is promised then.

tests/faults/README.md has the whole matrix.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from common.domain import usage
from common.domain.money import nano_ceiling, pico_from_usd
from tests.support.load import run_mixed
from tests.support.relay_process import ask, eventually
from tests.support.witnesses import Witness, check_money, drifts_of, ulid_of

CONCURRENCY = 50
QUICK_AND_WHOLE = pytest.mark.parametrize(
    ("count", "times"), [(200, 1), pytest.param(2000, 5, marks=pytest.mark.soak)]
)


# A server ends with the thread that started it: so each is started in the main thread.


@contextlib.asynccontextmanager
async def load_on(stack, keys, count) -> AsyncIterator[Callable[[], bool]]:
    """A load that runs meanwhile; gives whether it is over. Waits for its end."""
    load = asyncio.create_task(run_mixed([stack.url], keys, count, CONCURRENCY))
    try:
        yield load.done
    finally:
        await load


async def asked_at_least(witness: Witness, count: int, over: Callable[[], bool] = bool) -> None:
    """Until the provider was asked that often, or all of the load is over.

    So what happens next happens under load.
    """
    await asyncio.to_thread(eventually, lambda: over() or len(witness.asked()) >= count, 60)


@pytest.mark.timeout(600)
@QUICK_AND_WHOLE
def test_redis_killed_and_restarted(stack, count, times):
    """kill -9. The append-only file has all that was acknowledged."""
    witness, keys = Witness(stack), stack.limited_keys()

    async def load_and_kill():
        async with load_on(stack, keys, count) as over:
            await asked_at_least(witness, 20)
            for _ in range(times):
                # Without Redis each request is refused at once, so the load may end meanwhile.
                assert times > 1 or not over(), "not under load: nothing was proved"
                stack.redis_server.kill()
                await asyncio.sleep(0.3)
                stack.redis_server.start()
                await asyncio.sleep(1 if times > 1 else 0)

    asyncio.run(load_and_kill())
    assert witness.check(nothing_died=True)["ok"] > 0


@pytest.mark.timeout(600)
@QUICK_AND_WHOLE
def test_postgres_killed_and_restarted(stack, count, times):
    """kill -9 of all its processes; callers are served meanwhile."""
    witness, keys = Witness(stack), stack.limited_keys()

    async def load_and_kill():
        async with load_on(stack, keys, count) as over:
            await asked_at_least(witness, 20)
            for _ in range(times):
                before = len(witness.asked())
                stack.postgres_server.kill()
                await asked_at_least(witness, before + 10, over)
                stack.postgres_server.start()
                await asyncio.sleep(1 if times > 1 else 0)

    asyncio.run(load_and_kill())
    assert witness.check(nothing_died=True)["ok"] > 0


@pytest.mark.timeout(600)
@QUICK_AND_WHOLE
def test_the_disk_of_postgres_is_full(stack, tmp_path, count, times):
    """A ledger that cannot grow refuses whole transactions; with room again it gets all of them."""
    witness, keys = Witness(stack), stack.limited_keys()
    stack.fire("partitions")  # a ledger that is new has none yet
    database = stack.processes["postgres"]["url"]
    with (
        small_file_system(tmp_path) as place,
        psycopg.connect(database, autocommit=True) as connection,
        ledger_in(connection, place),
    ):
        fill(place)
        asyncio.run(run_mixed([stack.url], keys, count, CONCURRENCY))
        stack.fire("outbox")
        log = stack.state / "logs" / "usage_aggregation.log"
        eventually(lambda: "No space left on device" in log.read_text(), 30)
        with stack.redis() as outbox:
            assert outbox.xlen("{relay}:outbox") > 0
        (place / "ballast").unlink()
        assert witness.check(nothing_died=True)["ok"] > 0


@contextlib.contextmanager
def small_file_system(directory):
    """A directory on a file system of a few MiB, which Postgres may write to."""
    place = directory / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "relay-test", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def ledger_in(connection: psycopg.Connection, place):
    """The ledger's partitions in a tablespace there, and in the end where they were."""
    data = place / "data"
    data.mkdir()
    directory = connection.execute("SHOW data_directory").fetchone()[0]
    subprocess.run(["chown", "--reference", directory, str(data)], check=True)
    for parent in data.parents:
        if not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o111)
    connection.execute(f"CREATE TABLESPACE small LOCATION '{data}'")
    names = [name for (name,) in connection.execute("SELECT name FROM ledger_partitions")]
    assert names, "nothing would be written there"
    for name in names:
        connection.execute(f"ALTER TABLE {name} SET TABLESPACE small")
    try:
        yield
    finally:
        (place / "ballast").unlink(missing_ok=True)
        for name in names:
            connection.execute(f"ALTER TABLE {name} SET TABLESPACE pg_default")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLESPACE small")


def fill(place) -> None:
    """Take what is left of the file system."""
    with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


@pytest.mark.timeout(600)
@QUICK_AND_WHOLE
def test_redis_flushed(stack, count, times):
    """What docs/limits.md promises: all is in the ledger but what only Redis had.

    Known to the byte, since the flush is one transaction with a look at the outbox: records that
    waited there may be missing, and nothing else. Who was admitted before and settles after is
    posted. A counter lacks at most what was settled, and not yet in the ledger, when the
    projection was complete again; what is admitted after that is counted to the nano-USD.
    """
    # No budget that ends: what a counter lacks, a key could spend once more.
    witness, keys = Witness(stack), stack.limited_keys(tight_usd="100")
    lost: set[str] = set()
    began: list[datetime] = []

    async def load_and_flush():
        async with load_on(stack, keys, count):
            for number in range(times):
                await asked_at_least(witness, 20 * (number + 1))
                began.append(datetime.now(UTC))
                lost.update(flush(stack))

    asyncio.run(load_and_flush())
    assert witness.check(lost=frozenset(lost))["ok"] > 0
    with stack.redis() as connection:
        epoch = connection.get("{relay}:epoch").decode()
    # Ids are made before admission: what was admitted after the epoch has a later one.
    at_stake = sum(
        nano_ceiling(pico_from_usd(f"{row['cost_usd']:f}"))
        for row in witness.rows()
        if ulid_of(row) < epoch and row["posted_at"] > began[0]
    )
    drifts = [drift for _, drift in drifts_of(stack)]
    assert min(drifts) >= -at_stake
    assert max(drifts) <= len(stack.ledger())
    print(  # noqa: T201 - how much it was
        f"\n{times} flushes: {len(lost)} records waited, {len(witness.rows())} rows; "
        f"counters lack {-min(drifts):.0f} of at most {at_stake} nano-USD"
    )
    # And flushed at rest, nothing is lost: the counters are the ledger's.
    flush(stack)
    headers = {"authorization": f"Bearer {keys[0]}"}
    url = f"{stack.url}/v1/chat/completions"
    eventually(lambda: httpx.post(url, headers=headers, json=ask("openai")).status_code == 200)
    stack.wait_until_settled()
    check_money(stack)


def flush(stack) -> set[str]:
    """FLUSHALL; ids of the records that the outbox had."""
    with stack.redis() as connection, connection.pipeline(transaction=True) as pipe:
        pipe.xrange("{relay}:outbox")
        pipe.flushall()
        entries, _ = pipe.execute()
    return {usage.decode(fields[b"r"]).id for _, fields in entries}
