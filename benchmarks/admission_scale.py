"""What `admit` and `settle` cost in Redis with 1,000 and with 1,000,000 keys.

    python -m benchmarks.admission_scale [--keys 1000 1000000] [--requests 4000] [--json FILE]

Each size has a Redis of its own, with that many projected keys and, for each, what its budget has
spent and what its last minute has counted. They are measured in turns, in processor time of Redis'
main thread for one admit and one settle, reading and answering included, which a busy machine
changes less than the clock. The keys asked for have limits per minute and a budget, at their own
level and the organisation's.
"""

import argparse
import asyncio
import contextlib
import json
import random
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.admission import AT_ONCE, BOTH, DRAFT, PREFIX, TURNS, Pair
from benchmarks.redis_connection import server
from common.domain.admission import Candidate, Use
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import compile_rules
from common.domain.policies import Applied, key_scope
from common.domain.reservation import Charge
from common.identifiers import new_ulid, now_ms
from common.state.admission import Admission, Snapshot
from common.state.commands import Script
from common.state.connection import MultiplexedConnection
from common.state.projection import put_key, set_epoch

# Of all keys, so many are asked for: enough that no cache of the processor holds them.
ASKED_FOR = 2_000
AT_ONCE_FILLED = 5_000
# Keys that nobody asks for: as large as those of put_key, with the counters of theirs.
FILL = Script(
    "fill",
    """
    local prefix, first, count, record = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
    for number = first, first + count - 1 do
      local hash = redis.sha1hex(number)
      redis.call('HSET', prefix .. ':key:' .. hash .. string.sub(hash, 1, 24), 'v', 1,
        's', 'active', 'r', record, 'u', 'user:u' .. number % 1000)
      redis.call('HSET', prefix .. ':money:key:' .. hash .. ':month:2026-11', 's', number, 'r', 0)
      redis.call('HSET', prefix .. ':window:key:' .. hash .. ':1:r', number, 1)
    end
    return count
    """,
)

Row = dict[str, Any]


async def prepared(url: str, keys: int) -> tuple[MultiplexedConnection, Pair]:
    """A connection to a Redis that has so many keys; an admit and a settle by one of them."""
    commands = MultiplexedConnection.from_url(url, timeout_ms=60_000)
    await commands.call("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
    await set_epoch(commands, PREFIX, "01EPOCH")
    asked_for = []
    for number in range(min(keys, ASKED_FOR)):
        key_hash = hash_key(f"cr_benchmark_{number}")
        record = KeyRecord(id=new_ulid(), user_id=f"u{number % 1000}", version=1)
        await put_key(commands, PREFIX, key_hash, record, "active", None)
        levels = (("organisation", "organisation"), ("key", key_scope(record.id)))
        rules = compile_rules([Applied(*level, BOTH) for level in levels], now_ms())
        asked_for.append((key_hash, rules.packed))
    record = msgspec.json.encode(KeyRecord(id=new_ulid(), user_id="u", version=1))
    for first in range(len(asked_for), keys, AT_ONCE_FILLED):
        count = min(AT_ONCE_FILLED, keys - first)
        await commands.script(FILL, [f"{PREFIX}:epoch"], [PREFIX, first, count, record])
    admission = Admission(commands, PREFIX)
    charge = msgspec.msgpack.encode(Charge(50_000, 600, 500, 16, 300, 80_000))
    one = Candidate("account", 0, DRAFT, charge)
    chance = random.Random(1)

    async def pair() -> None:
        identifier, (key_hash, rules) = new_ulid(), chance.choice(asked_for)
        snapshot = Snapshot(key_hash, "1 0 0 0 0 0", 0)
        await admission.admit(identifier, snapshot, [one], address="x", tokens=300, rules=rules)
        await admission.settle(identifier, DRAFT, use=Use(250, 70_000), rules=rules)

    return commands, pair


async def rows_of(sizes: list[int], requests: int) -> list[Row]:
    """One line for each size."""
    best: dict[int, float] = {}
    with contextlib.ExitStack() as stack:
        pairs = {keys: await prepared(stack.enter_context(server(None)), keys) for keys in sizes}
        for _ in range(TURNS):
            for keys, (commands, pair) in pairs.items():
                cost = await cost_of(commands, pair, requests)
                best[keys] = min(best.get(keys, cost), cost)
                await commands.call("DEL", f"{PREFIX}:outbox")
        memory = {keys: await memory_of(commands) for keys, (commands, _) in pairs.items()}
        for commands, _ in pairs.values():
            await commands.close()
    return [
        {
            "keys": keys,
            "admit_and_settle_us": cost,
            "ratio": cost / best[sizes[0]],
            "requests_per_core_s": 1e6 / cost,
            "memory_mib": memory[keys],
        }
        for keys, cost in best.items()
    ]


async def cost_of(commands: MultiplexedConnection, pair: Pair, requests: int) -> float:
    """Microseconds of Redis' main thread for one admit and one settle."""
    began = await processor_s(commands)
    for _ in range(requests // AT_ONCE):
        await asyncio.gather(*[pair() for _ in range(AT_ONCE)])
    return (await processor_s(commands) - began) / (requests // AT_ONCE * AT_ONCE) * 1e6


async def processor_s(commands: MultiplexedConnection) -> float:
    """Seconds that Redis' main thread has used so far."""
    found = await information(commands, "cpu")
    return sum(float(found[f"used_cpu_{kind}_main_thread"]) for kind in ("user", "sys"))


async def memory_of(commands: MultiplexedConnection) -> float:
    """MiB that Redis holds."""
    return int((await information(commands, "memory"))["used_memory"]) / 2**20


async def information(commands: MultiplexedConnection, section: str) -> dict[str, str]:
    """A section of INFO."""
    lines = (await commands.call("INFO", section)).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def show(table: list[Row]) -> None:
    """As text."""
    print(f"{'keys':>9} {'admit + settle us':>18} {'ratio':>6} {'requests/s/core':>16} {'MiB':>7}")
    for row in table:
        print(
            f"{row['keys']:>9} {row['admit_and_settle_us']:>18.1f} {row['ratio']:>6.2f} "
            f"{row['requests_per_core_s']:>16.0f} {row['memory_mib']:>7.0f}"
        )


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--keys", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=4000, help="for each turn (default 4000)")
    parser.add_argument("--json", type=Path, help="write the lines there as well")
    options = parser.parse_args(arguments)
    table = asyncio.run(rows_of(options.keys, options.requests))
    show(table)
    if options.json is not None:
        found = {"benchmark": "admission_scale", "rows": table}
        options.json.write_text(json.dumps(found, indent=1))
    return table


if __name__ == "__main__":
    main()
