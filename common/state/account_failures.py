"""How accounts failed, for whoever looks after them.

A hash of account id to the last failure of an account that has not served since, as JSON; and a
list of the last ones for each account, which stay when it serves again. No part of admission:
written off the requests' path, and never more than a hint. All goes a week after the last failure.
"""

import msgspec

from common.state.commands import RedisCommands

KEPT_MS = 7 * 24 * 3600 * 1000
HISTORY_MAX = 100


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
    """Keep an account's last failure, also among the last ones. Raises `RedisUnavailable`."""
    kept, history = msgspec.json.encode(failure), _history_key(prefix, account_id)
    await commands.call("LPUSH", history, kept)
    await commands.call("LTRIM", history, 0, HISTORY_MAX - 1)
    await commands.call("PEXPIRE", history, KEPT_MS)
    await commands.call("HSET", _key(prefix), account_id, kept)
    await commands.call("PEXPIRE", _key(prefix), KEPT_MS)


async def clear_failure(commands: RedisCommands, prefix: str, account_id: str) -> None:
    """The account has served. Raises `RedisUnavailable`."""
    await commands.call("HDEL", _key(prefix), account_id)


async def failures(commands: RedisCommands, prefix: str) -> dict[str, AccountFailure]:
    """What is kept, by account id. Raises `RedisUnavailable`."""
    reply: list[bytes] = await commands.call("HGETALL", _key(prefix))
    return {reply[at].decode(): _decoder.decode(reply[at + 1]) for at in range(0, len(reply), 2)}


async def failure_history(
    commands: RedisCommands, prefix: str, account_id: str
) -> list[AccountFailure]:
    """The last failures of an account, newest first. Raises `RedisUnavailable`."""
    reply: list[bytes] = await commands.call("LRANGE", _history_key(prefix, account_id), 0, -1)
    return [_decoder.decode(one) for one in reply]


def _key(prefix: str) -> str:
    return f"{prefix}:account-failures"


def _history_key(prefix: str, account_id: str) -> str:
    return f"{prefix}:account-errors:{account_id}"
