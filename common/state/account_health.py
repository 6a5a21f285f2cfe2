"""Which accounts rest, for all replicas: read, closed and tried outside of a request's own calls.

Admission keeps the state (`lua/rests.lua`); all of these raise `RedisUnavailable`.
"""

from typing import Any

from common.domain.account_health import Health, Rest, Status, health_of
from common.state.commands import RedisCommands, Script

# A test call that takes longer has lost its account's probe to somebody else.
PROBE_MS = 60_000


async def healths(commands: RedisCommands, prefix: str, moment_ms: int) -> dict[str, Health]:
    """The accounts that are not ok, by id, as of a moment in ms since 1970."""
    reply: list[bytes] = await commands.call("HGETALL", f"{prefix}:cooldowns")
    found = {
        reply[at].decode(): health_of(reply[at + 1].decode(), moment_ms)
        for at in range(0, len(reply), 2)
    }
    return {account: health for account, health in found.items() if health.status != "ok"}


async def close(commands: RedisCommands, prefix: str, account_id: str, probe: str = "") -> bool:
    """The account serves again; false when it did. With a `probe` only if that one holds it."""
    return bool(await _run(commands, prefix, "close_account", account_id, probe))


async def let_rest(
    commands: RedisCommands,
    prefix: str,
    account_id: str,
    rest: Rest,
    probe: str = "",
    *,
    now_ms: int = 0,
) -> None:
    """The account rests, if not for longer already; `probe` is the test call that failed."""
    words = str(rest)
    await _run(commands, prefix, "rest_account", account_id, words, probe, now_ms=now_ms)


async def take_probe(
    commands: RedisCommands, prefix: str, account_id: str, now_ms: int = 0
) -> str | None:
    """Take the account's only probe, for `PROBE_MS`; None when it is not to be tried now."""
    probe: bytes = await _run(
        commands, prefix, "probe_account", account_id, PROBE_MS, now_ms=now_ms
    )
    return probe.decode() or None


async def told(commands: RedisCommands, prefix: str) -> dict[str, str]:
    """The status that was told last of each account, where that is not `ok`."""
    reply: list[bytes] = await commands.call("HGETALL", f"{prefix}:account-health-told")
    return {reply[at].decode(): reply[at + 1].decode() for at in range(0, len(reply), 2)}


async def remember_told(
    commands: RedisCommands, prefix: str, account_id: str, status: Status
) -> None:
    """That status was told."""
    name = f"{prefix}:account-health-told"
    if status == "ok":
        await commands.call("HDEL", name, account_id)
    else:
        await commands.call("HSET", name, account_id, status)


async def _run(
    commands: RedisCommands, prefix: str, name: str, *arguments: str | int, now_ms: int = 0
) -> Any:
    keys = (f"{prefix}:epoch",)
    return await commands.script(Script.load(name), keys, (prefix, now_ms, *arguments))
