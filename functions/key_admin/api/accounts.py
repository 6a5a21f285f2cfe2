"""`/internal/accounts`: official API credentials of providers. A credential is never shown."""

from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common import projection
from common.domain import narrowing
from common.domain.accounts import AccountRecord
from common.domain.provider_addresses import default_base_url
from common.domain.roles import ADMINISTER, READ
from common.identifiers import new_ulid
from common.store import accounts
from common.store.accounts import Account
from common.store.database import Connection
from functions.key_admin import idempotency
from functions.key_admin.account_answers import (
    all_answers,
    answer_of,
    audited,
    built_in,
    built_in_answers,
    shown,
    shown_options,
)
from functions.key_admin.account_health import forget_health
from functions.key_admin.account_secrets import (
    check_asked_there,
    default_address,
    opened,
    options_of,
    sealed,
    shown_proxy,
    with_other_secrets,
)
from functions.key_admin.api.account_facts import check_unused
from functions.key_admin.bodies import check_id
from functions.key_admin.models.accounts import (
    AccountAnswer,
    AccountCreate,
    AccountList,
    AccountPage,
    AccountPatch,
)
from functions.key_admin.models.fields import ms_of
from functions.key_admin.models.limits import counts_of, patched_policy
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, not_found, taken

PATH = "/internal/accounts"
# Another one of these is to hold from the next request on, as if the old one were taken away.
_HOW_IT_IS_ASKED = ("base_url", "sealed_credential", "region", "options", "extra_headers")


async def create(call: Call) -> Response:
    """201; the account serves on the next request everywhere."""
    given = call.sent(AccountCreate)
    repeatable = call.repeatable(PATH)
    account_id = new_ulid()
    credential = opened(given.provider, given.credential, given.options, given.egress_proxy)
    options = options_of(given.provider, given.options, given.region)
    record = AccountRecord(
        id=account_id,
        name=given.name,
        provider=given.provider,
        base_url=given.base_url or default_address(given.provider, given.region),
        models=given.models,
        priority=given.priority,
        weight=given.weight,
        max_concurrency=given.max_concurrency,
        enabled=given.enabled,
        schedulable=given.schedulable,
        expires_at_ms=ms_of(given.expires_at),
        discount=given.discount,
        region=given.region,
        tags=given.tags,
        options=options,
        extra_headers=given.extra_headers,
        egress=shown_proxy(credential),
        sealed_credential=sealed(call, account_id, credential),
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
        await call.audit(connection, "account.create", account_id, after=audited(account))
        headers = {"location": f"{PATH}/{account_id}", "etag": etag(account.version)}
        answer = answered(await answer_of(call, account), 201, headers)
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
    first = [] if query.cursor else await built_in_answers(call, query.provider)
    return answered(AccountList(items=[*first, *await all_answers(call, page)], next_cursor=more))


async def show(call: Call) -> Response:
    """One account."""
    for account in await built_in_answers(call, None):
        if account.id == call.path["account_id"]:
            return answered(account)
    async with call.services.database.transaction() as connection:
        stored = await _found(call, connection)
    return await shown(call, stored)


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next request everywhere."""
    given = call.sent(AccountPatch)
    async with call.services.database.transaction() as connection:
        await accounts.lock(connection)
        before = await _found(call, connection)
        call.check_version(before.version)
        record = _patched(call, before.record, given)
        if record == before.record:
            return await shown(call, before)
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
        after = audited(account) | {"credential_changed": "credential" in given.model_fields_set}
        await call.audit(
            connection, "account.update", record.id, before=audited(before), after=after
        )
    await call.services.bring_projection_up_to_date()
    if any(getattr(before.record, name) != getattr(record, name) for name in _HOW_IT_IS_ASKED):
        await forget_health(call, record.id)
    return await shown(call, account)


async def delete(call: Call) -> Response:
    """Its credential is wiped; requests that it serves end by themselves.

    409 while keys or teams are bound to it, or groups have it; some of them are named.
    """
    async with call.services.database.transaction() as connection:
        await accounts.lock(connection)
        before = await _found(call, connection)
        if await accounts.delete(connection, before.record.id):
            # Who binds a key holds the row until the commit: by now all of them are seen.
            await check_unused(connection, before.record.id)
            await call.audit(connection, "account.delete", before.record.id, before=audited(before))
            await _project_ahead(call, connection, before.record, None)
    await call.services.bring_projection_up_to_date()
    await forget_health(call, before.record.id)
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
        any(getattr(old, name) != getattr(new, name) for name in _HOW_IT_IS_ASKED)
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
    if any(account.id == account_id for account in built_in(call, None)):
        raise conflict(
            "A built-in account comes from relay's environment: change the variable instead."
        )
    account = await accounts.find(connection, account_id)
    if account is None:
        raise not_found(f"There is no account with the id {account_id}.")
    return account


def _patched(call: Call, record: AccountRecord, given: AccountPatch) -> AccountRecord:
    names = ("name", "base_url", "models", "priority", "weight", "max_concurrency", "enabled",
             "schedulable", "discount", "region", "tags", "extra_headers")  # fmt: skip
    sent = given.model_fields_set
    changes: dict[str, Any] = {name: getattr(given, name) for name in names if name in sent}
    if "expires_at" in sent:
        changes["expires_at_ms"] = ms_of(given.expires_at)
    if {"options", "region"} & sent:
        options = given.options if "options" in sent else shown_options(record.options)
        region = changes.get("region", record.region)
        changes["options"] = options_of(record.provider, options, region)
    changes["policy"] = patched_policy(record.policy, given)
    changed = msgspec.structs.replace(record, **changes)
    if "base_url" not in sent and changed.region != record.region:
        changed = _moved(record, changed)
    check_asked_there(call, record, changed, given)
    if {"credential", "egress_proxy"} & sent:
        return with_other_secrets(call, changed, given)
    return changed


def _moved(old: AccountRecord, new: AccountRecord) -> AccountRecord:
    """With the address of the new region, unless it had one of its own."""
    if old.base_url != default_base_url(old.provider, old.region):
        return new
    base_url = default_address(new.provider, new.region)
    return msgspec.structs.replace(new, base_url=base_url)


def _name_taken(name: str) -> Problem:
    return taken("name", f"Another account is named {name!r}: names are unique.")


_ONE = f"{PATH}/{{account_id}}"
OPERATIONS = (
    Operation(
        "POST", PATH, create, "Add an account", "Accounts", may=ADMINISTER,
        status=201, answer=AccountAnswer, body=AccountCreate, idempotent_by_key=True,
        refusals=(409,),
    ),
    Operation(
        "GET", PATH, list_accounts, "List accounts", "Accounts", may=READ,
        answer=AccountList, query=AccountPage,
    ),
    Operation("GET", _ONE, show, "Show an account", "Accounts", may=READ,
              answer=AccountAnswer, refusals=(404,)),
    Operation(
        "PATCH", _ONE, patch, "Change an account", "Accounts", may=ADMINISTER,
        answer=AccountAnswer, body=AccountPatch, versioned=True, refusals=(404, 409),
    ),
    Operation("DELETE", _ONE, delete, "Delete an account", "Accounts", may=ADMINISTER,
              status=204, refusals=(404, 409)),
)  # fmt: skip
