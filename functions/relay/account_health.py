"""Which accounts fail or serve again, told to Redis off the requests' path."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from common.domain.account_health import Rest
from common.domain.accounts import AccountRecord
from common.domain.credentials import UsableAccount
from common.identifiers import now_ms
from common.providers.base import COOLDOWN_MS_MAX, Failure
from common.providers.http import Exchange
from common.state.account_failures import AccountFailure, clear_failure, put_failure
from common.state.account_health import close, let_rest
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

    def failed(self, account: UsableAccount, failure: Failure, *, others: bool) -> Rest | None:
        """An attempt failed at the account's or the provider's side; how the account is to rest.

        `others`: other accounts could have served.
        """
        at_ms = now_ms()
        before = self._failures.get(account.id)
        count = before.count if before is not None and at_ms - before.at_ms < ROW_MS_MAX else 0
        said = failure.said(account.credential)
        known = AccountFailure(at_ms, failure.reason.value, failure.status, count + 1, said)
        self._failures[account.id] = known
        self._start(self._told(put_failure(self._commands, self._prefix, account.id, known)))
        return failure.rest(others=others, row=known.count)

    def proven(self, account: UsableAccount, request_id: str) -> None:
        """The account serves the request that tried it again: it serves everybody."""
        self._start(self._told(close(self._commands, self._prefix, account.id, request_id)))

    def answered(self, account: UsableAccount, exchange: Exchange) -> None:
        """A good answer has begun; where it says that nothing is left of a limit, it rests.

        A plain look, because each request pays for it.
        """
        for name, value in exchange.headers:
            if value == "0" and "ratelimit" in name and "remaining" in name:
                self._rest_until_reset(account, exchange)
                return

    def _rest_until_reset(self, account: UsableAccount, exchange: Exchange) -> None:
        from common.providers.failures import reset_of

        reset_ms = reset_of(exchange.headers, now_ms())
        if reset_ms:
            rest = Rest(min(reset_ms, COOLDOWN_MS_MAX), "rate_limited", named=True)
            logs.log("account_limit_reached", account_id=account.id, rest_ms=rest.ms)
            self._start(self._told(let_rest(self._commands, self._prefix, account.id, rest)))

    def served(self, account: AccountRecord) -> None:
        """The account answered a request."""
        now_s = time.monotonic()
        cleared_s = self._cleared_s.get(account.id)
        known = self._failures.pop(account.id, None)
        if known is None and cleared_s is not None and now_s - cleared_s < CLEAR_EVERY_S:
            return
        self._cleared_s[account.id] = now_s
        self._start(self._told(clear_failure(self._commands, self._prefix, account.id)))

    async def _told(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except RedisUnavailable as error:
            logs.log("account_health_untold", level="warning", error=str(error))
