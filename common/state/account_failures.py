"""The last failure of each account that has not served since, for whoever looks after them.

A hash of account id to JSON. No part of admission: written off the requests' path, and never more
than a hint. The whole of it goes a week after the last failure.
"""

import msgspec

from common.state.commands import RedisCommands

KEPT_MS = 7 * 24 * 3600 * 1000


class AccountFailure(msgspec.Struct, frozen=True):
    """`at_ms` since 1970; `reason` a `Reason`; `status` the provider's, where it answered.

    `count` is how many there were in a row, as seen by the relay that wrote it. `message` is the
    provider's own, cut short, without the account's secrets.
    """

    at_ms: int
    reason: str
    status: int | None = None
    count: int = 1
    message: str = ""


_decoder = msgspec.json.Decoder(AccountFailure)


async def put_failure(
    commands: RedisCommands, prefix: str, account_id: str, failure: AccountFailure
) -> None:
    """Keep an account's last failure. Raises `RedisUnavailable`."""
    await commands.call("HSET", _key(prefix), account_id, msgspec.json.encode(failure))
    await commands.call("PEXPIRE", _key(prefix), KEPT_MS)


async def clear_failure(commands: RedisCommands, prefix: str, account_id: str) -> None:
    """The account has served. Raises `RedisUnavailable`."""
    await commands.call("HDEL", _key(prefix), account_id)


async def failures(commands: RedisCommands, prefix: str) -> dict[str, AccountFailure]:
    """What is kept, by account id. Raises `RedisUnavailable`."""
    reply: list[bytes] = await commands.call("HGETALL", _key(prefix))
    return {reply[at].decode(): _decoder.decode(reply[at + 1]) for at in range(0, len(reply), 2)}


def _key(prefix: str) -> str:
    return f"{prefix}:account-failures"
