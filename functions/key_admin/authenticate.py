"""The master key as a bearer token. Guesses at it, and at tokens, are throttled by address."""

import hmac
import time

from starlette.requests import Request

from common.domain.forwarded import counted_as
from common.secrets import constant_time_equal
from common.state.commands import RedisUnavailable
from common.store import master_keys
from common.store.database import DatabaseUnavailable
from common.telemetry import logs
from functions.key_admin.problem import Problem
from functions.key_admin.services import Services

# Different wrong keys of an address within a minute; then even the right key is refused, or a guess
# that hits would be let in. The same wrong key again is no guess: it is a job with an old setting,
# and others behind the same address go on.
GUESSES_MAX = 10
WINDOW_MS = 60_000
ADDRESSES_MAX = 10_000
GUESS_CHARACTERS = 16

# While Redis is away each process counts for itself: address -> (guesses, end of their minute).
_local: dict[str, tuple[set[str], float]] = {}


async def check_master_key(services: Services, request: Request, given: str) -> None:
    """Whether it is the master key, or one that has grace. Raises `Problem` 401 or 429."""
    guesses = await refuse_guessers(services, request)
    if constant_time_equal(given, services.settings.master_key):
        return
    if graced_hash(services, given)[:GUESS_CHARACTERS] not in guesses:
        try:
            if await _has_grace(services, given):
                return
            known_wrong = True
        except DatabaseUnavailable:
            # A guess like any other, but not known to be wrong: with Postgres it is looked up.
            known_wrong = False
        await count_wrong(services, request, given, known_wrong=known_wrong)
    _log_failure(request)
    raise unauthorized("The master key is wrong.")


async def refuse_guessers(services: Services, request: Request) -> set[str]:
    """The wrong keys of the address within its minute. Raises `Problem` 429 for too many."""
    guesses = await _guesses(services, counted_as(request.scope["relay.address"]))
    if len(guesses) >= GUESSES_MAX:
        raise Problem(
            429,
            "Too many failed attempts",
            "Too many different wrong keys from this address; try again in a minute.",
            headers={"retry-after": str(WINDOW_MS // 1000)},
        )
    return guesses


async def refuse_token(services: Services, request: Request, given: str, detail: str) -> Problem:
    """The 401 for a token that is nobody's, counted once however often it comes."""
    await count_wrong(services, request, given)
    _log_failure(request)
    return unauthorized(detail)


def _log_failure(request: Request) -> None:
    logs.log("authentication_failed", level="warning", address=request.scope["relay.address"])


async def count_wrong(
    services: Services, request: Request, given: str, *, known_wrong: bool = True
) -> None:
    """Count what was presented in vain, once however often it comes."""
    address = counted_as(request.scope["relay.address"])
    guess = graced_hash(services, given)[:GUESS_CHARACTERS]
    await _count_guess(services, address, guess if known_wrong else f"?{guess}")


def unauthorized(detail: str) -> Problem:
    """401."""
    return Problem(401, "Unauthorized", detail, headers={"www-authenticate": "Bearer"})


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
    """Whether it is a replaced key whose grace has not ended. Raises `DatabaseUnavailable`."""
    async with services.database.transaction() as connection:
        return await master_keys.has_grace(connection, graced_hash(services, given))


def _key(services: Services, address: str) -> str:
    return f"{services.settings.state_prefix}:auth-failures:master-key:{address}"


async def _guesses(services: Services, address: str) -> set[str]:
    """What stands for the wrong keys of the address within its minute."""
    commands = services.redis
    try:
        found = await commands.call("SMEMBERS", _key(services, address))
    except RedisUnavailable:
        guesses, until = _local.get(address, (set(), 0.0))
        return guesses if until > time.monotonic() else set()
    return {guess.decode() for guess in found}


async def _count_guess(services: Services, address: str, guess: str) -> None:
    guesses, until = _local.get(address, (set(), 0.0))
    now = time.monotonic()
    if until <= now:
        guesses, until = set(), now + WINDOW_MS / 1000
    if len(_local) >= ADDRESSES_MAX:
        _local.clear()
    _local[address] = ({*guesses, guess}, until)
    commands, key = services.redis, _key(services, address)
    try:
        await commands.call("SADD", key, guess)
        # The first of a minute; or a process died between the two, and the set had no end.
        if await commands.call("PTTL", key) == -1:
            await commands.call("PEXPIRE", key, WINDOW_MS)
    except RedisUnavailable:
        return  # counted here
