"""Accounts as the admin API answers them: without a credential."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from common.domain.account_health import OK, Health
from common.domain.accounts import Options, account_limits, built_in_account_id
from common.domain.limit_figures import figures
from common.domain.limits import compile_rules
from common.environment_accounts import BuiltInAccount
from common.identifiers import now_ms
from common.state.account_failures import AccountFailure, failures
from common.state.account_health import healths
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.store.accounts import Account
from functions.key_admin.models.account_options import OptionFields
from functions.key_admin.models.accounts import (
    AccountAnswer,
    AccountBudget,
    HealthFields,
    LastError,
    LimitUse,
)
from functions.key_admin.models.limits import CalendarFields, RateFields, shown_counts
from functions.key_admin.operation import Call, answered, etag


async def built_in_answers(call: Call, provider: str | None) -> list[AccountAnswer]:
    """Those of the environment with their health."""
    known = await healths_of(call)
    found = built_in(call, provider)
    return [one.model_copy(update={"health": known(one.id)}) for one in found]


async def healths_of(call: Call) -> Callable[[str], HealthFields | None]:
    """Tells the health of an account by its id, as of this moment."""
    redis, prefix, moment_ms = call.services.redis, call.services.settings.state_prefix, now_ms()
    try:
        found, failed = await asyncio.gather(
            healths(redis, prefix, moment_ms), failures(redis, prefix)
        )
    except RedisUnavailable:
        return lambda _: None
    return lambda one: _health(found.get(one, OK), failed.get(one))


def _health(health: Health, failure: AccountFailure | None) -> HealthFields:
    last_error = None
    if failure is not None:
        last_error = LastError(
            at=datetime.fromtimestamp(failure.at_ms / 1000, UTC),
            reason=failure.reason,
            status=failure.status,
            message=failure.message,
            count=failure.count,
        )
    return HealthFields(
        status=health.status,
        circuit=health.circuit,
        cause=health.cause,
        since=time_of(health.since_ms),
        until=time_of(health.until_ms),
        last_error=last_error,
    )


def built_in(call: Call, provider: str | None) -> list[AccountAnswer]:
    """Those of the environment, as they are shown."""
    return [
        _built_in_answer(account)
        for account in call.services.settings.accounts
        if provider in (None, account.provider)
    ]


def _built_in_answer(account: BuiltInAccount) -> AccountAnswer:
    return AccountAnswer(
        id=built_in_account_id(account.provider),
        name=f"built-in {account.provider}",
        provider=account.provider,
        base_url=account.base_url,
        credential_key_id=None,
        models={},
        priority=50,
        weight=1,
        max_concurrency=0,
        enabled=True,
        schedulable=True,
        expires_at=None,
        discount="",
        region=account.region,
        tags=[],
        options=shown_options(account.options),
        extra_headers={},
        egress_proxy=None,
        built_in=True,
        limits=RateFields(),
        budgets=[],
        calendar=CalendarFields(),
        use=[],
        created_at=None,
        updated_at=None,
    )


def shown_options(options: Options) -> OptionFields:
    """What only some providers have, as it is sent and shown."""
    return OptionFields(
        api_version=options.api_version,
        project=options.project,
        quirks=list(options.quirks),
    )


async def shown(call: Call, account: Account) -> Response:
    """200 with the account and its version."""
    return answered(await answer_of(call, account), headers={"etag": etag(account.version)})


async def answer_of(call: Call, account: Account) -> AccountAnswer:
    """One account with what is used of its limits."""
    return (await all_answers(call, [account]))[0]


async def all_answers(call: Call, found: list[Account]) -> list[AccountAnswer]:
    """Accounts with their health, and what is used of their limits at this moment."""
    known = await healths_of(call)
    uses = await asyncio.gather(*(_use(call, account) for account in found))
    return [
        _with_use(account, use).model_copy(update={"health": known(account.record.id)})
        for account, use in zip(found, uses, strict=True)
    ]


async def _use(call: Call, account: Account) -> list[LimitUse] | None:
    limits = account_limits(account.record, concurrency=True)
    rules = compile_rules((limits,), now_ms())
    if not rules.packed:
        return []
    services = call.services
    admission = Admission(services.redis, services.settings.state_prefix)
    try:
        counted = await admission.read_rules(rules.packed)
    except RedisUnavailable:
        return None
    return [LimitUse(**one) for one in figures(rules.limits, counted)]


def _with_use(account: Account, use: list[LimitUse] | None) -> AccountAnswer:
    record = account.record
    limits = shown_counts(record.policy)
    return AccountAnswer(
        id=record.id,
        name=record.name,
        provider=record.provider,
        base_url=record.base_url,
        credential_key_id=account.credential_key_id,
        models=record.models,
        priority=record.priority,
        weight=record.weight,
        max_concurrency=record.max_concurrency,
        enabled=record.enabled,
        schedulable=record.schedulable,
        expires_at=time_of(record.expires_at_ms),
        discount=record.discount,
        region=record.region,
        tags=record.tags,
        options=shown_options(record.options),
        extra_headers=record.extra_headers,
        egress_proxy=record.egress or None,
        built_in=False,
        limits=RateFields(**limits["limits"].model_dump(exclude={"queue"})),
        budgets=[AccountBudget(**one.model_dump()) for one in limits["budgets"]],
        calendar=limits["calendar"],
        use=use,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def audited(account: Account) -> dict[str, Any]:
    """An account as the audit trail has it."""
    shown: dict[str, Any] = _with_use(account, None).model_dump(
        mode="json", exclude={"use", "health"}
    )
    return shown


def time_of(moment_ms: int | None) -> datetime | None:
    """A time in ms since 1970."""
    return None if moment_ms is None else datetime.fromtimestamp(moment_ms / 1000, UTC)
