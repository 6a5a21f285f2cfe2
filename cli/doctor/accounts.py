"""Accounts that rest or fail."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from cli.doctor.finding import Finding, age, fine, warning, wrong
from common.domain.accounts import AccountRecord, built_in_account_id
from common.domain.refusals import Reason
from common.environment_accounts import CREDENTIAL_VARIABLES
from common.state.account_failures import AccountFailure

# Providers fail now and then. Only a credential does not get better by itself.
FAILURE_AGE_MS_MAX = 3_600_000
_BUILT_IN = {built_in_account_id(provider): provider for provider in CREDENTIAL_VARIABLES}


def judge_accounts(
    resting: Mapping[str, int],
    failing: Mapping[str, AccountFailure],
    accounts: Mapping[str, AccountRecord] | None,
    redis_ms: int,
) -> Iterator[Finding]:
    """`accounts` are the stored ones, None if unknown; `resting` is id -> until, ms since 1970."""
    told = {
        account: failure
        for account, failure in failing.items()
        if (_is_credential(failure) or redis_ms - failure.at_ms < FAILURE_AGE_MS_MAX)
        and _may_serve(account, accounts)
    }
    yield from _ended(accounts or {}, redis_ms)
    if not resting and not told:
        yield fine("accounts", "none rests or fails")
    for account in sorted({*resting, *told}):
        name = _name(account, accounts)
        yield _judge(account, name, resting.get(account), told.get(account), redis_ms)


def _ended(accounts: Mapping[str, AccountRecord], redis_ms: int) -> Iterator[Finding]:
    for account in accounts.values():
        end_ms = account.expires_at_ms
        if account.enabled and end_ms is not None and end_ms <= redis_ms:
            ended = f"{account.name} ended {age((redis_ms - end_ms) / 1000)} ago and serves nothing"
            fix = f"`relayctl accounts update {account.id} --expires-at TIME`, or delete it"
            yield warning("accounts", ended, fix)


def _judge(
    account: str,
    name: str,
    until_ms: int | None,
    failure: AccountFailure | None,
    redis_ms: int,
) -> Finding:
    rests = ""
    if until_ms is not None:
        rests = f"rests until {datetime.fromtimestamp(until_ms / 1000, UTC):%H:%M:%S} UTC"
    if failure is None:
        return warning("accounts", f"{name} {rests} after failures", _fix(account, None))
    detail = f"{name} is failing: {failure.reason}"
    if failure.status is not None:
        detail += f" (status {failure.status})"
    since_s = max(redis_ms - failure.at_ms, 0) / 1000
    times = f", {failure.count} times in a row" if failure.count > 1 else ""
    detail += f"{times}, last {age(since_s)} ago" + (f"; it {rests}" if rests else "")
    judged = wrong if _is_credential(failure) else warning
    return judged("accounts", detail, _fix(account, failure))


def _may_serve(account: str, accounts: Mapping[str, AccountRecord] | None) -> bool:
    """Whether it is still there; whoever deleted or disabled it has seen the failure."""
    if accounts is None or account in _BUILT_IN:
        return True
    return account in accounts and accounts[account].enabled


def _name(account: str, accounts: Mapping[str, AccountRecord] | None) -> str:
    if account in _BUILT_IN:
        return f"built-in {_BUILT_IN[account]}"
    return accounts[account].name if accounts and account in accounts else account


def _is_credential(failure: AccountFailure) -> bool:
    return failure.reason == Reason.UPSTREAM_CREDENTIAL and failure.status != 403


def _fix(account: str, failure: AccountFailure | None) -> str:
    if account in _BUILT_IN:
        variable = " or ".join(CREDENTIAL_VARIABLES[_BUILT_IN[account]])
        renew = f"set {variable} where relay runs to a key that works, and start it again"
    else:
        renew = f"`relayctl accounts update {account} --api-key-file FILE`"
        renew += f"; `relayctl accounts test {account}` shows what its provider says"
    if failure is not None and failure.reason == Reason.UPSTREAM_CREDENTIAL:
        return renew
    return f"see `attempt_failed` in relay's log; a wrong credential: {renew}"
