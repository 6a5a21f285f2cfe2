"""A Postgres and a Redis that are not ours: whether they will do, before anything is started."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cli.dev.embedded_redis import VERSION_MIN as REDIS_VERSION_MIN
from cli.dev.errors import CannotStart

if TYPE_CHECKING:
    from common.state.client import RedisPyCommands

POSTGRES_VERSION_MIN = 15
CONNECT_S = 5
REDIS_TIMEOUT_MS = 5_000
REDIS_SCHEMES = ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_OR_OURS = "or leave it out to use the one that `relayctl dev` brings along."


async def check_postgres(url: str) -> None:
    """Raises `CannotStart` for one that is away, refuses us, is too old or takes no writes."""
    import psycopg

    from common.store.database import query

    where = f"The Postgres of {_place('RELAY_DATABASE_URL', url, 'postgresql', 'postgres')}"
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_S)
    except psycopg.Error as error:
        raise CannotStart(
            f"{where} cannot be used: {_reason(error, url)}. See that it runs and that the URL has "
            f"its host, port, database, user and password; {_OR_OURS}"
        ) from None
    async with connection:
        version = connection.info.server_version // 10_000
        if version < POSTGRES_VERSION_MIN:
            raise CannotStart(
                f"{where} is version {version}: Relay needs {POSTGRES_VERSION_MIN} or later. "
                f"Upgrade it, name another, {_OR_OURS}"
            )
        row = await (await connection.execute(query("in_recovery"))).fetchone()
        if row is not None and row[0]:
            raise CannotStart(
                f"{where} is a replica and takes no writes. Name the primary, {_OR_OURS}"
            )


async def check_redis(url: str) -> str:
    """What to warn of, empty if nothing. Raises `CannotStart` as `check_postgres`."""
    from common.state.address import InvalidRedisURL
    from common.state.client import RedisPyCommands
    from common.state.commands import RedisReplyError, RedisUnavailable

    try:
        commands = RedisPyCommands.from_url(
            url, timeout_ms=REDIS_TIMEOUT_MS, connect_timeout_ms=REDIS_TIMEOUT_MS
        )
    except InvalidRedisURL as error:
        raise CannotStart(f"RELAY_REDIS_URL: {error}; {_OR_OURS}") from None
    where = (
        f"The Redis of {_place('RELAY_REDIS_URL', url, 'redis', 'rediss', 'unix', *REDIS_SCHEMES)}"
    )
    try:
        return await _judged_redis(commands, where)
    except RedisUnavailable as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise CannotStart(
            f"{where} cannot be reached: {reason.rstrip('.')}. See that it runs and that the URL "
            f"has its host, port, user and password; {_OR_OURS}"
        ) from None
    except RedisReplyError as error:
        raise CannotStart(
            f"{where} refuses us: {str(error).rstrip('.')}. See that the URL has the right user "
            f"and password, and that the user may run all commands, INFO too; {_OR_OURS}"
        ) from None
    finally:
        await commands.close()


async def _judged_redis(commands: "RedisPyCommands", where: str) -> str:
    said = (await commands.call("INFO")).decode()
    info = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    # Valkey says its own version beside the one of Redis that it is compatible with.
    version = tuple(int(part) for part in info["redis_version"].split(".")[:2])
    if version < REDIS_VERSION_MIN:
        least = ".".join(map(str, REDIS_VERSION_MIN))
        raise CannotStart(
            f"{where} is version {info['redis_version']}: Relay needs {least} or later. Upgrade "
            f"it, name another, {_OR_OURS}"
        )
    if info.get("role") == "slave":
        raise CannotStart(f"{where} is a replica and takes no writes. Name its master, {_OR_OURS}")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return ""
    return (
        f"{where} has maxmemory-policy {policy}: when its memory is full it throws away keys, "
        "leases and usage that is not in the ledger yet. Run `redis-cli config set "
        "maxmemory-policy noeviction` there."
    )


async def check_foreign_stores(database_url: str, redis_url: str) -> list[str]:
    """Check those that are given; what to warn of. Raises `CannotStart`."""
    warnings: list[str] = []

    async def redis() -> None:
        if warning := await check_redis(redis_url):
            warnings.append(warning)

    checks = [check_postgres(database_url)] if database_url else []
    await asyncio.gather(*checks, *([redis()] if redis_url else []))
    return warnings


def _place(variable: str, url: str, *schemes: str) -> str:
    """The variable and where its URL points to, nothing secret. Raises `CannotStart`."""
    # What is no URL may be a password in the wrong place: nothing of it is repeated.
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise CannotStart(f"{variable} must begin with {schemes[0]}://; {_OR_OURS}")
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return variable
    return f"{variable} ({parts.hostname or ''}{port}{parts.path})"


def _reason(error: Exception, url: str) -> str:
    reason = " ".join(str(error).split()).rstrip(".")
    secret = url.rpartition("@")[0].rpartition(":")[2]
    return reason.replace(secret, "***") if secret else reason
