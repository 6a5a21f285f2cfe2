"""What Redis says."""

import time
from collections.abc import Mapping

import msgspec

from cli.doctor.finding import Finding, age, fine, warning, wrong
from common.identifiers import now_ms
from common.state.account_failures import AccountFailure, failures
from common.state.account_health import healths
from common.state.address import InvalidRedisURL
from common.state.client import RedisPyCommands
from common.state.commands import RedisCommands, RedisReplyError, RedisUnavailable
from common.state.condition import clock_ahead_ms, info
from common.state.leases import count_over
from common.state.outbox import Outbox
from common.state.projection import has_epoch

VERSION_MIN = (6, 2)
# cleanup empties the outbox every ten minutes, should nobody else.
OUTBOX_AGE_S_MAX = 1_200
# Leases of dead relays are expired by the next admission, or by cleanup as above.
LEASE_AGE_MS_MAX = 1_200_000
MEMORY_SHARE_MAX = 0.9
_REACH = (
    "see that it runs, and that RELAY_REDIS_URL (with RELAY_REDIS_PASSWORD) names it and its "
    "password"
)


class RedisReport(msgspec.Struct):
    """The findings; the clock, the accounts that rest (id -> until, ms) and those that fail."""

    findings: list[Finding]
    ahead_ms: float | None = None
    resting: dict[str, int] = {}
    failing: dict[str, AccountFailure] = {}


async def examine_redis(url: str, prefix: str) -> RedisReport:
    """Look at everything there is to see; nothing raises but a mistake of ours."""
    report = RedisReport([])
    try:
        commands = RedisPyCommands.from_url(url)
    except InvalidRedisURL as error:
        report.findings.append(wrong("redis", str(error), "correct RELAY_REDIS_URL"))
        return report
    try:
        await _examine(commands, prefix, report)
    except (RedisUnavailable, RedisReplyError) as error:
        report.findings.append(wrong("redis", str(error), _REACH))
    finally:
        await commands.close()
    return report


async def _examine(commands: RedisCommands, prefix: str, report: RedisReport) -> None:
    # First of all, so that of a Cluster the node is asked that serves our keys.
    whole = await has_epoch(commands, prefix)
    started = time.monotonic()
    seen = await info(commands)
    report.findings.append(_reached(seen, (time.monotonic() - started) * 1000))
    report.findings += [_eviction(seen), _persistence(seen), _memory(seen)]
    report.ahead_ms = await clock_ahead_ms(commands)
    redis_ms = now_ms() + int(report.ahead_ms)
    if whole:
        report.findings.append(fine("admission", "Redis has keys, limits and accounts"))
    else:
        report.findings.append(
            warning(
                "admission",
                "Redis is new or was flushed: relay answers 503 until it is rebuilt",
                "nothing: the next request rebuilds it from Postgres",
            )
        )
    depth, oldest_ms = await Outbox(commands, prefix).depth()
    report.findings.append(_outbox(depth, oldest_ms, redis_ms))
    over = await count_over(commands, prefix, redis_ms - LEASE_AGE_MS_MAX)
    report.findings.append(_leases(over))
    report.resting = {
        account: health.until_ms or 0
        for account, health in (await healths(commands, prefix, redis_ms)).items()
        if health.circuit == "open"
    }
    report.failing = await failures(commands, prefix)


def _reached(seen: Mapping[str, str], latency_ms: float) -> Finding:
    name = "Valkey" if "valkey_version" in seen else "Redis"
    version = seen.get("valkey_version") or seen.get("redis_version", "0")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < VERSION_MIN:
        return wrong("redis", f"{name} {version}", "Relay needs Redis 6.2 or Valkey")
    return fine("redis", f"{name} {version}, answers in {latency_ms:.1f} ms")


def _eviction(seen: Mapping[str, str]) -> Finding:
    policy = seen.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return fine("eviction", policy)
    return wrong(
        "eviction",
        f"maxmemory-policy is {policy}: reservations and usage records may be thrown away",
        "set maxmemory-policy noeviction in Redis' configuration",
    )


def _persistence(seen: Mapping[str, str]) -> Finding:
    if seen.get("aof_enabled") == "1":
        if seen.get("aof_last_write_status", "ok") == "ok":
            return fine("persistence", "append-only file")
        return wrong("persistence", "the append-only file cannot be written", "see Redis' disk")
    if int(seen.get("connected_slaves", 0)):
        return warning(
            "persistence",
            "no append-only file, only replicas: if all go at once, unposted usage is lost",
            "set appendonly yes, appendfsync everysec where you can",
        )
    return wrong(
        "persistence",
        "no append-only file: a restart loses reservations and unposted usage",
        "set appendonly yes and appendfsync everysec in Redis' configuration",
    )


def _memory(seen: Mapping[str, str]) -> Finding:
    used, most = int(seen.get("used_memory", 0)), int(seen.get("maxmemory", 0))
    detail = f"{used / 2**20:.0f} MiB used"
    if not most:
        return fine("memory", detail)
    detail += f" of {most / 2**20:.0f}"
    if used < MEMORY_SHARE_MAX * most:
        return fine("memory", detail)
    return wrong("memory", detail, "give Redis more memory: a full one refuses every request")


def _outbox(depth: int, oldest_ms: int | None, redis_ms: int) -> Finding:
    if oldest_ms is None:
        return fine("outbox", "empty")
    seconds = max(redis_ms - oldest_ms, 0) / 1000
    detail = f"{depth} records wait for the ledger, the oldest since {age(seconds)}"
    if seconds < OUTBOX_AGE_S_MAX:
        return fine("outbox", detail)
    return wrong(
        "outbox",
        detail,
        "run `relayctl cleanup outbox`; see in their logs why usage_aggregation and cleanup do not "
        "(the broker, the triggers, the cron sources)",
    )


def _leases(over: int) -> Finding:
    if not over:
        return fine("leases", "none is left over")
    return warning(
        "leases",
        f"{over} requests of relays that died hold their reservations",
        "run `relayctl cleanup leases`, and see in its log why cleanup does not",
    )
