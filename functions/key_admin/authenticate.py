"""Who calls: the holder of the master key. Failed attempts are throttled by address."""

import hmac
import time

from starlette.requests import Request

from common.secrets import constant_time_equal
from common.state.commands import RedisUnavailable
from common.store import master_keys
from common.store.database import DatabaseUnavailable
from common.telemetry import logs
from functions.key_admin.problem import Problem
from functions.key_admin.services import Services

# Failures of an address within a minute; then even the right key is refused, or a guess that hits
# would be let in.
FAILURES_MAX = 10
WINDOW_MS = 60_000
ADDRESSES_MAX = 10_000
ACTOR = "master-key"

# While Redis is away each process counts for itself: address -> (failures, end of its minute).
_local: dict[str, tuple[int, float]] = {}


async def require_master_key(services: Services, request: Request) -> None:
    """Raises `Problem` 401 or 429."""
    address = request.scope["relay.address"]
    if await _failures(services, address) >= FAILURES_MAX:
        raise Problem(
            429,
            "Too many failed attempts",
            "Too many requests with a wrong master key from this address; try again in a minute.",
            headers={"retry-after": str(WINDOW_MS // 1000)},
        )
    given = presented_key(request)
    if given:
        if constant_time_equal(given, services.settings.master_key):
            return
        if await _has_grace(services, given):
            return
        await _count_failure(services, address)
        logs.log("authentication_failed", level="warning", address=address)
        detail = "The master key is wrong."
    else:
        detail = "No master key was given. Send it as `Authorization: Bearer <master key>`."
    raise Problem(401, "Unauthorized", detail, headers={"www-authenticate": "Bearer"})


def presented_key(request: Request) -> str:
    """The bearer token of a call, empty without one."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def graced_hash(services: Services, key: str) -> str:
    """What stands for a replaced master key in the store: of no use without our secret."""
    return hmac.new(
        services.grace_key, key.encode("utf-8", "surrogateescape"), "sha256"
    ).hexdigest()


async def _has_grace(services: Services, given: str) -> bool:
    """Whether it is a replaced key whose grace has not ended. Without Postgres it is not."""
    try:
        async with services.database.transaction() as connection:
            return await master_keys.has_grace(connection, graced_hash(services, given))
    except DatabaseUnavailable:
        return False


def _key(services: Services, address: str) -> str:
    return f"{services.settings.state_prefix}:auth-failures:admin:{address}"


async def _failures(services: Services, address: str) -> int:
    commands = services.redis
    try:
        count = await commands.call("GET", _key(services, address))
    except RedisUnavailable:
        failures, until = _local.get(address, (0, 0.0))
        return failures if until > time.monotonic() else 0
    return int(count or 0)


async def _count_failure(services: Services, address: str) -> None:
    failures, until = _local.get(address, (0, 0.0))
    now = time.monotonic()
    if until <= now:
        failures, until = 0, now + WINDOW_MS / 1000
    if len(_local) >= ADDRESSES_MAX:
        _local.clear()
    _local[address] = (failures + 1, until)
    commands, key = services.redis, _key(services, address)
    try:
        await commands.call("SET", key, 0, "NX", "PX", WINDOW_MS)
        if await commands.call("INCR", key) == 1:
            # The minute may have ended between the two, and INCR would make a key without an end.
            await commands.call("PEXPIRE", key, WINDOW_MS)
    except RedisUnavailable:
        return  # counted here
