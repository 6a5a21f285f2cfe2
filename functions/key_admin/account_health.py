"""Taking back what the system has observed of an account."""

import contextlib

from common.state.account_failures import clear_failure
from common.state.account_health import close
from common.state.commands import RedisUnavailable
from functions.key_admin.operation import Call


async def clear_health(call: Call, account_id: str) -> None:
    """The account serves again, whatever was observed. Raises `RedisUnavailable`."""
    prefix = call.services.settings.state_prefix
    await close(call.services.redis, prefix, account_id)
    await clear_failure(call.services.redis, prefix, account_id)


async def forget_health(call: Call, account_id: str) -> None:
    """What was observed holds no more; without Redis it stays until it is over by itself."""
    with contextlib.suppress(RedisUnavailable):
        await clear_health(call, account_id)
