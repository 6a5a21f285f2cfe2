"""relay as a candidate: the whole path, on a Redis of its own, with keys for every scenario.

Callers are authenticated, admitted and settled; records go to the outbox and, as events, to a sink
(the mock provider takes them). Redis runs as `relayctl dev` runs it, append-only. Logs are written
as by default, a line a request, to a file.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import redis

from benchmarks import place
from benchmarks.candidates import Running
from benchmarks.scenarios import FAILING_MODEL, LIMITED_MODEL, REDACTED
from cli.dev.ports import free_port
from common.domain.accounts import AccountRecord, credential_name
from common.domain.content_rules import ContentRules
from common.domain.keys import KeyRecord, hash_key
from common.domain.policies import Budget, Limits, Policy, team_scope, user_scope
from common.identifiers import new_ulid
from common.keyring import Keyring
from common.redaction.entities import GROUPS
from common.state.client import RedisPyCommands
from common.state.projection import put_accounts, put_key, put_policy, set_epoch
from tests.support.processes import INTERNAL_SECRET, ROOT
from tests.support.servers import RedisServer

PREFIX = "{relay}"
KEY, LIMITED_KEY, SPENT_KEY = "cr_benchmark", "cr_benchmark_limited", "cr_benchmark_spent"
CACHED_KEY = "cr_benchmark_cached"
REDACTED_KEY = "cr_benchmark_redacted"
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
GENEROUS = Policy(
    Limits(
        requests_per_minute=10**9,
        tokens_per_minute=10**11,
        requests_per_day=10**10,
        tokens_per_day=10**12,
        concurrency=10**6,
    ),
    budgets=(Budget("month", "1000000", "clamp"),),
)


def variables(redis_url: str, provider: int, **added: str) -> dict[str, str]:
    """What relay is told by its environment."""
    return {
        "RELAY_REDIS_URL": redis_url,
        "RELAY_DATABASE_URL": NO_DATABASE,
        "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
        "RELAY_HOST": "127.0.0.1",
        "RELAY_METRICS_PORT": "0",
        "OPENAI_API_KEY": "sk-benchmark",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1",
        "K_SINK": f"http://127.0.0.1:{provider}/sink",
        **added,
    }


COMMAND = [sys.executable, "-m", "common.serve", "functions.relay.main:application"]


@contextlib.contextmanager
def relay(directory: Path, provider: int, **added: str) -> Iterator[Running]:
    """relay on the candidate's core, its Redis on the others."""
    port = free_port()
    with RedisServer(directory) as store:
        place.move(store.pid, place.OTHER_CORES)
        asyncio.run(project(store.url, provider))
        with place.running(
            COMMAND,
            port,
            cores=place.CANDIDATE_CORES,
            log=directory / "relay.log",
            variables=variables(store.url, provider, PORT=str(port), **added),
            cwd=ROOT,
        ) as pid:
            keys = {
                "limited": {"authorization": f"Bearer {LIMITED_KEY}"},
                "cached": {"authorization": f"Bearer {CACHED_KEY}"},
                "cached-burst": {"authorization": f"Bearer {CACHED_KEY}"},
                "storm-key": {"authorization": f"Bearer {SPENT_KEY}"},
                **{name: {"authorization": f"Bearer {REDACTED_KEY}"} for name in REDACTED},
            }
            yield Running(
                port,
                pid,
                headers={"authorization": f"Bearer {KEY}"},
                helpers={"redis": store.pid},
                prepare=lambda: forget_outbox(store.url),
                keys=keys,
            )


def forget_outbox(url: str) -> None:
    """Empty the outbox, as aggregation would; else Redis rewrites a file that grows."""
    with redis.Redis.from_url(url) as client:
        client.xtrim(f"{PREFIX}:outbox", maxlen=0, approximate=False)


def outbox_length(url: str) -> int:
    """Records that wait."""
    with redis.Redis.from_url(url) as client:
        return int(client.xlen(f"{PREFIX}:outbox"))


async def project(url: str, provider: int) -> None:
    """Keys without limits, with generous ones and with a spent one; accounts that fail."""
    commands = RedisPyCommands.from_url(url)
    plain = KeyRecord(id=new_ulid(), user_id="plain", version=1)
    limited = KeyRecord(
        id=new_ulid(), user_id="limited", team_id=new_ulid(), version=2, policy=GENEROUS
    )
    one_a_day = Policy(Limits(requests_per_day=1))
    spent = KeyRecord(id=new_ulid(), user_id="spent", version=3, policy=one_a_day)
    redaction = ContentRules(redaction={"entities": dict.fromkeys(GROUPS, "mask")})
    masking = Policy(content=redaction)
    redacted = KeyRecord(id=new_ulid(), user_id="redacted", version=9, policy=masking)
    keeping = Policy(content=ContentRules(response_cache={"mode": "on"}))
    cached = KeyRecord(id=new_ulid(), user_id="cached", version=10, policy=keeping)
    of_keys = {
        KEY: plain,
        LIMITED_KEY: limited,
        SPENT_KEY: spent,
        REDACTED_KEY: redacted,
        CACHED_KEY: cached,
    }
    for secret, record in of_keys.items():
        await put_key(commands, PREFIX, hash_key(secret), record, "active", None)
    scopes = (user_scope("limited"), team_scope(str(limited.team_id)))
    for version, scope in enumerate(scopes, 4):
        await put_policy(commands, PREFIX, scope, version, GENEROUS)
    accounts = [
        _account(model, f"http://127.0.0.1:{provider}{path}/v1", priority)
        for model, failing in ((FAILING_MODEL, "/fail"), (LIMITED_MODEL, "/limited"))
        for path, priority in ((failing, 1), ("", 2))
    ]
    await put_accounts(commands, PREFIX, 8, msgspec.json.encode(accounts))
    await set_epoch(commands, PREFIX, new_ulid())
    await commands.close()


def _account(model: str, base_url: str, priority: int) -> AccountRecord:
    account_id = new_ulid()
    sealed = Keyring("", INTERNAL_SECRET).seal("sk-benchmark", credential_name(account_id))
    return AccountRecord(
        id=account_id,
        name=f"{model}-{priority}",
        provider="openai",
        base_url=base_url,
        models={model: "gpt-4o-mini"},
        priority=priority,
        sealed_credential=sealed,
    )
