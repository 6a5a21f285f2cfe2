"""`/internal/accounts`: official API credentials of providers. A credential is never shown."""

import asyncio
from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common import projection
from common.domain import narrowing
from common.domain.accounts import (
    AccountRecord,
    account_limits,
    built_in_account_id,
    credential_name,
)
from common.domain.limit_figures import figures
from common.domain.limits import compile_rules
from common.environment_accounts import BuiltInAccount
from common.identifiers import new_ulid, now_ms
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.store import accounts
from common.store.accounts import Account
from common.store.database import Connection
from functions.key_admin import idempotency
from functions.key_admin.bodies import check_id
from functions.key_admin.models.accounts import (
    DEFAULT_BASE_URLS,
    AccountAnswer,
    AccountBudget,
    AccountCreate,
    AccountList,
    AccountPage,
    AccountPatch,
    LimitUse,
)
from functions.key_admin.models.limits import (
    CalendarFields,
    RateFields,
    counts_of,
    patched_policy,
    shown_counts,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, not_found

PATH = "/internal/accounts"


async def create(call: Call) -> Response:
    """201; the account serves on the next request everywhere."""
    given = call.sent(AccountCreate)
    repeatable = call.repeatable(PATH)
    account_id = new_ulid()
    record = AccountRecord(
        id=account_id,
        name=given.name,
        provider=given.provider,
        base_url=given.base_url or DEFAULT_BASE_URLS[given.provider],
        models=given.models,
        priority=given.priority,
        weight=given.weight,
        max_concurrency=given.max_concurrency,
        enabled=given.enabled,
        discount=given.discount,
        sealed_credential=_sealed(call, account_id, given.credential.api_key),
        policy=counts_of(given.limits, given.budgets, given.calendar),
    )
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        try:
            account = await accounts.create(connection, record)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        await call.audit(connection, "account.create", account_id, after=_audited(account))
        headers = {"location": f"{PATH}/{account_id}", "etag": etag(account.version)}
        answer = answered(await _answer(call, account), 201, headers)
        await idempotency.keep(call.services, connection, repeatable, account_id, answer)
    await call.services.bring_projection_up_to_date()
    return answer


async def list_accounts(call: Call) -> Response:
    """A page: built-in accounts on the first, then the others, newest first."""
    query = call.sent(AccountPage)
    async with call.services.database.transaction() as connection:
        found = await accounts.page(
            connection, provider=query.provider, before=query.cursor, limit=query.limit + 1
        )
    page = found[: query.limit]
    more = page[-1].record.id if len(found) > query.limit else None
    built_in = [] if query.cursor else _built_in(call, query.provider)
    return answered(AccountList(items=[*built_in, *await _answers(call, page)], next_cursor=more))


async def show(call: Call) -> Response:
    """One account."""
    for account in _built_in(call, None):
        if account.id == call.path["account_id"]:
            return answered(account)
    async with call.services.database.transaction() as connection:
        stored = await _found(call, connection)
    return await _shown(call, stored)


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next request everywhere."""
    given = call.sent(AccountPatch)
    async with call.services.database.transaction() as connection:
        await accounts.lock(connection)
        before = await _found(call, connection)
        call.check_version(before.version)
        record = _patched(call, before.record, given)
        if record == before.record:
            return await _shown(call, before)
        try:
            account = await accounts.update(connection, record, before.version)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(record.name) from None
        if account is None:
            raise conflict("The account was changed by another call at the same time; try again.")
        if await _project_ahead(call, connection, before.record, record):
            # What is committed is another version than what Redis has until then.
            await accounts.bump(connection, record.id)
            account = await _found(call, connection)
        after = _audited(account) | {"credential_changed": "credential" in given.model_fields_set}
        await call.audit(
            connection, "account.update", record.id, before=_audited(before), after=after
        )
    await call.services.bring_projection_up_to_date()
    return await _shown(call, account)


async def delete(call: Call) -> Response:
    """Its credential is wiped; requests that it serves end by themselves."""
    async with call.services.database.transaction() as connection:
        await accounts.lock(connection)
        before = await _found(call, connection)
        if await accounts.delete(connection, before.record.id):
            await call.audit(
                connection, "account.delete", before.record.id, before=_audited(before)
            )
            await _project_ahead(call, connection, before.record, None)
    await call.services.bring_projection_up_to_date()
    return Response(status_code=204)


async def _project_ahead(
    call: Call, connection: Connection, old: AccountRecord, new: AccountRecord | None
) -> bool:
    """Redis before the commit gets what the change takes away, as `keys.py` has it.

    Another address, credential or served model counts as taken away too: nothing is answered
    without Redis, though until the commit it goes on with the old ones. Returns whether Redis has
    something else now than what is going to be committed.
    """
    both = None if new is None else narrowing.narrowed_account(old, new)
    replaced = new is not None and (
        (old.base_url, old.sealed_credential) != (new.base_url, new.sealed_credential)
        or any(_serves_otherwise(old, new, name) for name in (old.models | new.models))
    )
    if both == old and not replaced:
        return False
    version, records = await accounts.projected(connection)
    records = [record for record in records if record.id != old.id]
    if both is not None:
        records.append(both)
    call.projected_ahead = True
    prefix = call.services.settings.state_prefix
    counts = await projection.account_counts(connection, [both] if both is not None else [])
    await projection.raise_counters(call.services.redis, prefix, counts)
    await projection.put_accounts_ahead(call.services.redis, prefix, version, records, old.id)
    return both != new


def _serves_otherwise(old: AccountRecord, new: AccountRecord, requested: str) -> bool:
    before, after = old.served_model(requested), new.served_model(requested)
    return None not in (before, after) and before != after


async def _found(call: Call, connection: Connection) -> Account:
    account_id = check_id(call.path["account_id"], "account")
    if any(account.id == account_id for account in _built_in(call, None)):
        raise conflict(
            "A built-in account comes from relay's environment: change the variable instead."
        )
    account = await accounts.find(connection, account_id)
    if account is None:
        raise not_found(f"There is no account with the id {account_id}.")
    return account


def _patched(call: Call, record: AccountRecord, given: AccountPatch) -> AccountRecord:
    names = ("name", "base_url", "models", "priority", "weight", "max_concurrency", "enabled",
             "discount")  # fmt: skip
    sent = given.model_fields_set
    changes: dict[str, Any] = {name: getattr(given, name) for name in names if name in sent}
    if "credential" in sent:
        changes["sealed_credential"] = _sealed(call, record.id, given.credential.api_key)
    changes["policy"] = patched_policy(record.policy, given)
    return msgspec.structs.replace(record, **changes)


def _sealed(call: Call, account_id: str, api_key: str) -> str:
    return call.services.keyring.seal(api_key, credential_name(account_id))


def _built_in(call: Call, provider: str | None) -> list[AccountAnswer]:
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
        discount="",
        built_in=True,
        limits=RateFields(),
        budgets=[],
        calendar=CalendarFields(),
        use=[],
        created_at=None,
        updated_at=None,
    )


async def _shown(call: Call, account: Account) -> Response:
    return answered(await _answer(call, account), headers={"etag": etag(account.version)})


async def _answer(call: Call, account: Account) -> AccountAnswer:
    return (await _answers(call, [account]))[0]


async def _answers(call: Call, found: list[Account]) -> list[AccountAnswer]:
    """Accounts with what is used of their limits at this moment."""
    uses = await asyncio.gather(*(_use(call, account) for account in found))
    return [_with_use(account, use) for account, use in zip(found, uses, strict=True)]


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
        discount=record.discount,
        built_in=False,
        limits=RateFields(**limits["limits"].model_dump(exclude={"queue"})),
        budgets=[AccountBudget(**one.model_dump()) for one in limits["budgets"]],
        calendar=limits["calendar"],
        use=use,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def _audited(account: Account) -> dict[str, Any]:
    shown: dict[str, Any] = _with_use(account, None).model_dump(mode="json", exclude={"use"})
    return shown


def _name_taken(name: str) -> Problem:
    return conflict(f"Another account is named {name!r}: names are unique.")


_ONE = f"{PATH}/{{account_id}}"
OPERATIONS = (
    Operation(
        "POST", PATH, create, "Add an account", "Accounts",
        status=201, answer=AccountAnswer, body=AccountCreate, idempotent_by_key=True,
        refusals=(409,),
    ),
    Operation(
        "GET", PATH, list_accounts, "List accounts", "Accounts",
        answer=AccountList, query=AccountPage,
    ),
    Operation("GET", _ONE, show, "Show an account", "Accounts",
              answer=AccountAnswer, refusals=(404,)),
    Operation(
        "PATCH", _ONE, patch, "Change an account", "Accounts",
        answer=AccountAnswer, body=AccountPatch, versioned=True, refusals=(404, 409),
    ),
    Operation("DELETE", _ONE, delete, "Delete an account", "Accounts",
              status=204, refusals=(404, 409)),
)  # fmt: skip
