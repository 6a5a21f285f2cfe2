"""What `admit` and `settle` cost on Redis' side, by the limits that apply to a key.

    python -m benchmarks.admission [--url redis://…] [--requests 4000] [--scripts DIRECTORY]

Server-side microseconds a call by `INFO commandstats`, in turns against the same server; the
ratios are to a key without limits. `--scripts` names another checkout's `common/state/lua`, of
before limits, to compare with.
"""

import argparse
import asyncio
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.redis_connection import server
from common.domain.admission import Candidate, Use
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import NO_RULES, RuleSet, compile_rules
from common.domain.policies import Applied, Budget, Limits, Policy, key_scope
from common.domain.reservation import Charge
from common.identifiers import new_ulid, now_ms
from common.state.admission import Admission, Snapshot
from common.state.commands import Script
from common.state.connection import MultiplexedConnection
from common.state.projection import put_key, set_epoch

Pair = Callable[[], Awaitable[None]]
PREFIX = "{relay}"
KEY_ID = "01ARYZ6S41TSV4RRFFQ69G5FAV"
KEY_HASH = hash_key("cr_benchmark")
DRAFT = b'{"id": "%s"}' % (b"x" * 700)
TURNS = 5
AT_ONCE = 32
RATES = Policy(Limits(requests_per_minute=10**9, tokens_per_minute=10**11, concurrency=10**6))
MONEY = Policy(budgets=(Budget("month", "1000000", "clamp"),))
BOTH = Policy(RATES.limits, MONEY.budgets)
LEVELS = (
    ("organisation", "organisation"),
    ("team", "team:0157bfe3-6419-d67b-9c61-ef53130817ac"),
    ("user", "user:alice"),
    ("key", key_scope(KEY_ID)),
)


def cases() -> dict[str, RuleSet]:
    """From no limit at all to all kinds on all levels."""
    moment_ms = now_ms()

    def rules(policy: Policy, levels: Any = LEVELS[3:]) -> RuleSet:
        return compile_rules([Applied(*level, policy) for level in levels], moment_ms)

    return {
        "no limits": NO_RULES,
        "key: rpm, tpm, concurrency": rules(RATES),
        "key: a budget": rules(MONEY),
        "key: all of these": rules(BOTH),
        "four levels: all of these": rules(BOTH, LEVELS),
    }


async def server_us(commands: MultiplexedConnection) -> tuple[int, int]:
    """Calls of scripts so far, and the microseconds they took."""
    text = (await commands.call("INFO", "commandstats")).decode()
    for line in text.splitlines():
        if line.startswith("cmdstat_evalsha:"):
            fields = dict(part.split("=") for part in line.partition(":")[2].split(","))
            return int(fields["calls"]), int(fields["usec"])
    return 0, 0


async def cost_of(commands: MultiplexedConnection, pair: Pair, requests: int) -> float:
    """The server's microseconds for one admit and one settle: the lower quartile of batches.

    A batch in which another process had the processor costs many times as much.
    """
    costs = []
    for _ in range(requests // AT_ONCE):
        began = await server_us(commands)
        await asyncio.gather(*[pair() for _ in range(AT_ONCE)])
        ended = await server_us(commands)
        costs.append(2 * (ended[1] - began[1]) / (ended[0] - began[0]))
    return statistics.quantiles(costs)[0]


def pair_of(commands: MultiplexedConnection, rules: RuleSet) -> Pair:
    """An admit and its settle, under these rules."""
    admission = Admission(commands, PREFIX)
    charge = msgspec.msgpack.encode(Charge(50_000, 600, 500, 16, 300, 80_000))
    one = Candidate("account", 0, DRAFT, charge if rules.packed else b"")
    snapshot = Snapshot(KEY_HASH, "1 0 0 0 0 0", 0)

    async def pair() -> None:
        identifier = new_ulid()
        await admission.admit(
            identifier, snapshot, [one], address="x", tokens=300, rules=rules.packed
        )
        await admission.settle(identifier, DRAFT, use=Use(250, 70_000), rules=rules.packed)

    return pair


def pair_before(commands: MultiplexedConnection, scripts: Path) -> Pair:
    """The same with the scripts of a checkout from before limits."""
    shared = (scripts / "shared.lua").read_text()
    admit, settle = (
        Script(name, f"{shared}\n{(scripts / f'{name}.lua').read_text()}")
        for name in ("admit", "settle")
    )
    keys = (f"{PREFIX}:epoch",)

    async def pair() -> None:
        identifier = new_ulid()
        given = (PREFIX, 0, identifier, KEY_HASH, 1, 0, 30_000, "x", 1, "account", 0, DRAFT)
        await commands.script(admit, keys, given)
        await commands.script(settle, keys, (PREFIX, 0, identifier, DRAFT, "append", "", 0))

    return pair


async def compare(url: str, requests: int, scripts: Path | None) -> None:
    commands = MultiplexedConnection.from_url(url)
    await commands.call("FLUSHALL")
    record = KeyRecord(id=KEY_ID, user_id="alice", version=1)
    await put_key(commands, PREFIX, KEY_HASH, record, "active", None)
    await set_epoch(commands, PREFIX, "01EPOCH")
    pairs = {} if scripts is None else {"before limits": pair_before(commands, scripts)}
    pairs |= {name: pair_of(commands, rules) for name, rules in cases().items()}
    best: dict[str, float] = {}
    for _ in range(TURNS):
        for name, pair in pairs.items():
            cost = await cost_of(commands, pair, requests)
            best[name] = min(best.get(name, cost), cost)
            await commands.call("DEL", f"{PREFIX}:outbox")
    print(f"{'limits':28} {'admit + settle us':>18} {'x no limits':>12} {'requests/s/core':>16}")
    for name, cost in best.items():
        ratio = cost / best["no limits"]
        print(f"{name:28} {cost:>18.1f} {ratio:>11.2f}x {1e6 / cost:>16.0f}")
    await commands.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", help="a Redis to use, and to empty, instead of one of our own")
    parser.add_argument("--requests", type=int, default=4000, help="for each line (default 4000)")
    parser.add_argument("--scripts", type=Path, help="lua/ of a checkout from before limits")
    options = parser.parse_args(arguments)
    with server(options.url) as url:
        asyncio.run(compare(url, options.requests, options.scripts))


if __name__ == "__main__":
    main()
