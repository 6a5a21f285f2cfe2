"""`/internal/service-accounts`: programs with a token of their own, shown once."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common.domain.roles import ADMINISTER, READ, Role
from common.identifiers import new_ulid
from common.secrets import new_api_key
from common.store import directory, service_accounts
from common.store.database import Connection
from common.store.service_accounts import ServiceAccount, Token
from functions.key_admin import idempotency
from functions.key_admin.bodies import check_id
from functions.key_admin.identity.identify import SERVICE_TOKEN_PREFIX, token_hash
from functions.key_admin.models.fields import Page
from functions.key_admin.models.service_accounts import (
    AreaList,
    ServiceAccountAnswer,
    ServiceAccountCreate,
    ServiceAccountList,
    ServiceAccountMade,
    ServiceAccountPatch,
    TokenRotation,
    check_teams,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, invalid_field, not_found, taken

PATH = "/internal/service-accounts"
# Enough to know a token by, as the listing shows it.
_SHOWN_CHARACTERS = len(SERVICE_TOKEN_PREFIX) + 6


async def create(call: Call) -> Response:
    """201 with the token, which is shown this once."""
    _check_unbound(call)
    given = call.sent(ServiceAccountCreate)
    _check_areas(given.areas)
    repeatable = call.repeatable(PATH)
    secret, account_id = new_api_key(SERVICE_TOKEN_PREFIX), new_ulid()
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        await _check_teams(connection, given.team_ids)
        try:
            await service_accounts.create(
                connection,
                account_id,
                name=given.name,
                role=Role(given.role),
                team_ids=given.team_ids,
                areas=given.areas,
                expires_at=given.expires_at,
                token=_token(secret),
                created_by=call.actor.label,
            )
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        account = await _found(connection, account_id)
        await call.audit(connection, "service-account.create", account_id, after=_audited(account))
        made = ServiceAccountMade(**_members(account), token=secret)
        headers = {"location": f"{PATH}/{account_id}", "etag": etag(_version(account))}
        answer = answered(made, 201, headers)
        await idempotency.keep(call.services, connection, repeatable, account_id, answer)
    return answer


async def list_accounts(call: Call) -> Response:
    """A page, newest first; revoked ones too."""
    query = call.sent(Page)
    async with call.services.database.transaction() as connection:
        found = await service_accounts.page(connection, before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(ServiceAccountList(items=[_answer(one) for one in page], next_cursor=more))


async def list_areas(call: Call) -> Response:
    """What `areas` may name: each is the tag of some operations."""
    del call
    return answered(AreaList(items=_areas()))


async def show(call: Call) -> Response:
    """One service account."""
    async with call.services.database.transaction() as connection:
        return _shown(await _found(connection, call.path["service_account_id"]))


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next call of its token."""
    _check_unbound(call)
    given = call.sent(ServiceAccountPatch)
    _check_areas(given.areas or [])
    async with call.services.database.transaction() as connection:
        before = await _found(connection, call.path["service_account_id"])
        call.check_version(_version(before))
        changes = {name: getattr(given, name) for name in given.model_fields_set}
        if "role" in changes:
            changes["role"] = Role(changes["role"])
        for name in ("team_ids", "areas"):
            if name in changes:
                changes[name] = tuple(changes[name])
        changed = msgspec.structs.replace(before, **changes)
        if changed == before:
            return _shown(before)
        await _check_teams(connection, changed.team_ids)
        try:
            check_teams(changed.role.value, changed.team_ids)
        except ValueError as error:
            raise invalid_field("team_ids", str(error)) from None
        try:
            written = await service_accounts.update(connection, changed)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        if not written:
            raise conflict("It was revoked, or changed by another call at the same time.")
        account = await _found(connection, before.id)
        was, now = _audited(before), _audited(account)
        await call.audit(connection, "service-account.update", account.id, before=was, after=now)
    return _shown(account)


async def rotate(call: Call) -> Response:
    """201 with another token; the old one ends at once, or after `grace_s`."""
    _check_unbound(call)
    given = call.sent(TokenRotation)
    repeatable = call.repeatable()
    secret = new_api_key(SERVICE_TOKEN_PREFIX)
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        before = await _found(connection, call.path["service_account_id"])
        if not await service_accounts.rotate(connection, before.id, _token(secret), given.grace_s):
            raise conflict("A revoked service account has no token any more: make another one.")
        account = await _found(connection, before.id)
        await call.audit(
            connection,
            "service-account.rotate",
            account.id,
            before={"token_prefix": before.token_prefix},
            after={"token_prefix": account.token_prefix, "grace_s": given.grace_s},
        )
        made = ServiceAccountMade(**_members(account), token=secret)
        answer = answered(made, 201)
        await idempotency.keep(call.services, connection, repeatable, account.id, answer)
    return answer


async def revoke(call: Call) -> Response:
    """204: its token is good for nothing from the next call on; it stays listed."""
    async with call.services.database.transaction() as connection:
        account = await _found(connection, call.path["service_account_id"])
        if await service_accounts.revoke(connection, account.id):
            await call.audit(
                connection, "service-account.revoke", account.id, before=_audited(account)
            )
    return Response(status_code=204)


def _check_unbound(call: Call) -> None:
    """Who is bound to areas hands out no tokens, which might be bound to less."""
    if call.actor.areas:
        raise Problem(403, "Not allowed", "A token that is bound to areas makes no other tokens.")


def _areas() -> list[str]:
    """Of all operations that ask who calls."""
    from functions.key_admin.application import OPERATIONS  # which these here are among

    return sorted({one.area for one in OPERATIONS if not one.may.public})


def _check_areas(given: list[str]) -> None:
    """A token that is bound to what is not there might do nothing. Raises `Problem` 422."""
    known = _areas()
    for index, area in enumerate(given):
        if area not in known:
            there = ", ".join(known)
            raise invalid_field(f"areas[{index}]", f"there is no area {area!r}: give of {there}")


async def _found(connection: Connection, account_id: str) -> ServiceAccount:
    account = await service_accounts.find(connection, check_id(account_id, "service account"))
    if account is None:
        raise not_found(f"There is no service account with the id {account_id}.")
    return account


async def _check_teams(connection: Connection, team_ids: Any) -> None:
    for team_id in team_ids:
        if await directory.find_team(connection, team_id) is None:
            raise invalid_field("team_ids", f"there is no team with the id {team_id}")


def _token(secret: str) -> Token:
    return Token(token_hash(secret), secret[:_SHOWN_CHARACTERS])


def _shown(account: ServiceAccount) -> Response:
    return answered(_answer(account), headers={"etag": etag(_version(account))})


def _version(account: ServiceAccount) -> int:
    """A number that each change raises."""
    return int(account.updated_at.timestamp() * 1_000_000)


def _answer(account: ServiceAccount) -> ServiceAccountAnswer:
    return ServiceAccountAnswer(**_members(account))


def _members(account: ServiceAccount) -> dict[str, Any]:
    members = msgspec.structs.asdict(account)
    ended = account.expires_at is not None and account.expires_at <= datetime.now(UTC)
    status = "revoked" if account.revoked_at else "expired" if ended else "active"
    lists = {"team_ids": list(account.team_ids), "areas": list(account.areas)}
    return members | lists | {"role": account.role.value, "status": status}


def _audited(account: ServiceAccount) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(account).model_dump(mode="json", exclude={"last_used_at"})
    return shown


def _name_taken(name: str | None) -> Problem:
    return taken("name", f"Another service account is named {name!r}: names are unique.")


_TAG = "Service accounts"
_ONE = f"{PATH}/{{service_account_id}}"
OPERATIONS = (
    Operation("POST", PATH, create, "Add a service account", _TAG, may=ADMINISTER, status=201,
              answer=ServiceAccountMade, body=ServiceAccountCreate, idempotent_by_key=True,
              refusals=(409,)),
    Operation("GET", PATH, list_accounts, "List service accounts", _TAG, may=READ,
              answer=ServiceAccountList, query=Page),
    Operation("GET", "/internal/areas", list_areas, "List areas", _TAG, may=READ,
              answer=AreaList),
    Operation("GET", _ONE, show, "Show a service account", _TAG, may=READ,
              answer=ServiceAccountAnswer, refusals=(404,)),
    Operation("PATCH", _ONE, patch, "Change a service account", _TAG, may=ADMINISTER,
              answer=ServiceAccountAnswer, body=ServiceAccountPatch, versioned=True,
              refusals=(404, 409)),
    Operation("POST", f"{_ONE}/rotate", rotate, "Give a service account another token", _TAG,
              may=ADMINISTER, status=201, answer=ServiceAccountMade, body=TokenRotation,
              body_required=False, idempotent_by_key=True, refusals=(404, 409)),
    Operation("DELETE", _ONE, revoke, "Revoke a service account", _TAG, may=ADMINISTER,
              status=204, refusals=(404,)),
)  # fmt: skip
