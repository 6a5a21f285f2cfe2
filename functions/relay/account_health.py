"""Which accounts fail, kept in Redis for `relayctl doctor`, off the requests' path."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from common.domain.accounts import AccountRecord
from common.identifiers import now_ms
from common.providers.base import Failure
from common.state.account_failures import AccountFailure, clear_failure, put_failure
from common.state.commands import RedisCommands, RedisUnavailable
from common.telemetry import logs

# Failures further apart are no row of them.
ROW_MS_MAX = 3_600_000
# How often a success is told although this process knows of no failure: another may have had one.
CLEAR_EVERY_S = 60.0


class AccountHealth:
    """What this process knows of its accounts. `start` runs work in the background."""

    def __init__(
        self,
        commands: RedisCommands,
        prefix: str,
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._commands = commands
        self._prefix = prefix
        self._start = start
        self._failures: dict[str, AccountFailure] = {}
        self._cleared_s: dict[str, float] = {}

    def failed(self, account: AccountRecord, failure: Failure) -> None:
        """An attempt failed at the account's or the provider's side."""
        at_ms = now_ms()
        before = self._failures.get(account.id)
        count = before.count if before is not None and at_ms - before.at_ms < ROW_MS_MAX else 0
        known = AccountFailure(at_ms, failure.reason.value, failure.status, count + 1)
        self._failures[account.id] = known
        self._start(self._told(put_failure(self._commands, self._prefix, account.id, known)))

    def served(self, account: AccountRecord) -> None:
        """The account answered a request."""
        now_s = time.monotonic()
        cleared_s = self._cleared_s.get(account.id)
        known = self._failures.pop(account.id, None)
        if known is None and cleared_s is not None and now_s - cleared_s < CLEAR_EVERY_S:
            return
        self._cleared_s[account.id] = now_s
        self._start(self._told(clear_failure(self._commands, self._prefix, account.id)))

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except RedisUnavailable as error:
            logs.log("account_health_untold", level="warning", error=str(error))
