"""`/internal/api-keys`: create, list, show, change, revoke, restore, rotate."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import psycopg
from pydantic import BaseModel
from starlette.responses import Response

from common import projection
from common.domain import narrowing
from common.domain.keys import KeyRecord, hash_key, key_prefix_of
from common.domain.roles import OPERATE_TEAMS, READ_TEAMS
from common.domain.routing import NO_ROUTING
from common.identifiers import new_ulid
from common.secrets import new_api_key
from common.store import directory, keys
from common.store.database import Connection
from common.store.keys import Key, ProjectedKey
from functions.key_admin import idempotency
from functions.key_admin.binding import check_binding
from functions.key_admin.bodies import check_id
from functions.key_admin.key_answers import answer_of, audited, members
from functions.key_admin.models.keys import (
    KeyAnswer,
    KeyCreate,
    KeyList,
    KeyMade,
    KeyPage,
    KeyPatch,
    Rotation,
)
from functions.key_admin.models.limits import patched_policy, policy_of
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, invalid_field, not_found
from functions.key_admin.scoping import check_key_patch, scoped_key

PATH = "/internal/api-keys"


async def create(call: Call) -> Response:
    """201 with the key, which is shown this once."""

    async def given(connection: Connection) -> KeyCreate:
        return await scoped_key(call, connection, call.sent(KeyCreate))

    return await make(call, PATH, given, _made)


async def make(
    call: Call,
    collection: str,
    sent: Callable[[Connection], Awaitable[KeyCreate]],
    shown: Callable[[Key, str], BaseModel],
) -> Response:
    """201: what `sent` says as its maker may make it, as `shown` tells of it and its secret."""
    settings = call.services.settings
    repeatable = call.repeatable(collection)
    secret = new_api_key(settings.api_key_prefix)
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        given = await sent(connection)
        record = _record(given)
        await check_binding(call, connection, NO_ROUTING, record.policy.routing)
        user_made = await directory.ensure_user(connection, record.user_id)
        try:
            key = await keys.create(
                connection,
                record,
                given.expires_at,
                hash_key(secret),
                key_prefix_of(secret, settings.api_key_prefix),
            )
        except psycopg.errors.ForeignKeyViolation:
            raise _no_such_team(given.team_id) from None
        after = audited(key) | ({"user_created": True} if user_made else {})
        await call.audit(connection, "key.create", record.id, after=after)
        made = shown(key, secret)
        headers = {"location": f"{collection}/{record.id}", "etag": etag(key.record.version)}
        answer = answered(made, 201, headers)
        await idempotency.keep(call.services, connection, repeatable, record.id, answer)
    await call.services.bring_projection_up_to_date()
    return answer


async def list_keys(call: Call) -> Response:
    """A page, newest first unless it is sorted otherwise."""
    query = call.sent(KeyPage)
    seen = call.scope.bounds(query.team_id, query.user_id)
    async with call.services.database.transaction() as connection:
        listed = await keys.page(
            connection,
            key_id=seen.key_id,
            after=query.cursor,
            user_id=seen.user_id,
            team_ids=seen.team_ids,
            status=query.status,
            tag=query.tag,
            ids=query.ids,
            search=query.search,
            sort=query.sort,
            limit=query.limit + 1,
        )
    page = listed[: query.limit]
    more = page[-1].record.id if len(listed) > query.limit else None
    return answered(KeyList(items=[answer_of(key) for key in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One key."""
    async with call.services.database.transaction() as connection:
        key = await found(call, connection)
    return _shown(key)


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next request everywhere; what is so already stays."""
    given = call.sent(KeyPatch)
    check_key_patch(call, given)
    async with call.services.database.transaction() as connection:
        key = await found(call, connection)
        call.check_version(key.record.version)
        if key.status == "revoked":
            raise conflict("A revoked key cannot be changed: restore it first.")
        patched = _patched(key, given)
        if patched != key:
            old, new = key.record.policy.routing, patched.record.policy.routing
            await check_binding(call, connection, old, new)
            key = await _write(call, connection, key, patched, "key.update")
    return await _done(call, key)


async def revoke(call: Call) -> Response:
    """Revoked on the next request everywhere; once more changes nothing."""
    return await _done(call, await revoked(call))


async def delete(call: Call) -> Response:
    """The same as revoke; the key stays listed, because the ledger speaks of it."""
    await _done(call, await revoked(call))
    return Response(status_code=204)


async def restore(call: Call) -> Response:
    """A revoked or disabled key is active again; once more changes nothing."""
    async with call.services.database.transaction() as connection:
        key = await found(call, connection)
        if key.status != "active":
            active = msgspec.structs.replace(key, status="active")
            key = await _write(call, connection, key, active, "key.restore")
    return await _done(call, key)


async def rotate(call: Call) -> Response:
    """201 with a new secret for the same key; the old one works until its grace ends."""
    return await give_secret(call, _made)


async def give_secret(
    call: Call,
    shown: Callable[[Key, str], BaseModel],
    check: Callable[[Connection, Key], Awaitable[None]] | None = None,
) -> Response:
    """201 with a new secret, if `check` does not refuse it; as `shown` tells of it."""
    given = call.sent(Rotation)
    settings = call.services.settings
    repeatable = call.repeatable()
    secret = new_api_key(settings.api_key_prefix)
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        key = await found(call, connection)
        if key.status == "revoked":
            raise conflict("A revoked key cannot be rotated: restore it first.")
        if check is not None:
            await check(connection, key)
        prefix = key_prefix_of(secret, settings.api_key_prefix)
        before = {"key_prefix": key.key_prefix}
        old = await keys.projected(connection, key_id=key.record.id)
        await keys.rotate(connection, key.record.id, hash_key(secret), prefix, given.grace_s)
        key = await found(call, connection)
        after = {"key_prefix": prefix, "grace_s": given.grace_s}
        await call.audit(connection, "key.rotate", key.record.id, before=before, after=after)
        await _project_ahead(call, connection, old)
        answer = answered(shown(key, secret), 201)
        await idempotency.keep(call.services, connection, repeatable, key.record.id, answer)
    await call.services.bring_projection_up_to_date()
    return answer


async def revoked(call: Call) -> Key:
    """The key, revoked; Redis has it already. Raises `Problem` 404."""
    async with call.services.database.transaction() as connection:
        before = await found(call, connection)
        old = await keys.projected(connection, key_id=before.record.id)
        changed = await keys.revoke(connection, before.record.id)
        key = await found(call, connection)
        if not changed:
            # Whatever Redis has, even of a copy of it that was restored, revoking wins.
            await keys.bump(connection, key.record.id)
            return await found(call, connection)
        await call.audit(
            connection, "key.revoke", key.record.id, before=audited(before), after=audited(key)
        )
        await _project_ahead(call, connection, old)
        return key


async def _write(call: Call, connection: Connection, before: Key, key: Key, action: str) -> Key:
    old = await keys.projected(connection, key_id=key.record.id)
    try:
        written = await keys.update(connection, key)
    except psycopg.errors.ForeignKeyViolation:
        raise _no_such_team(key.record.team_id) from None
    if not written:
        raise conflict("The key was changed by another call at the same time; try again.")
    if await _project_ahead(call, connection, old):
        # What is committed is another version than what Redis has until then.
        await keys.bump(connection, key.record.id)
    key = await found(call, connection)
    await call.audit(connection, action, key.record.id, before=audited(before), after=audited(key))
    return key


async def _project_ahead(call: Call, connection: Connection, old: list[ProjectedKey]) -> bool:
    """Redis before the commit gets what the change takes away, and nothing that it gives.

    So what takes rights away holds everywhere once it is answered, and should Redis be away nothing
    is changed and 503 said. What gives rights only needs Redis after the commit. Returns whether
    Redis has something else now than what is going to be committed.
    """
    new = {
        secret.key_hash: secret
        for secret in await keys.projected(connection, key_id=call.path["key_id"])
    }
    both = [_narrowed(secret, new[secret.key_hash]) for secret in old if secret.key_hash in new]
    taken = [
        one
        for one, other in zip(both, old, strict=True)
        if _unversioned(one) != _unversioned(other)
    ]
    if not taken:
        return False
    call.projected_ahead = True
    prefix = call.services.settings.state_prefix
    counts = await projection.counts_of(connection, taken)
    await projection.raise_counters(call.services.redis, prefix, counts)
    await projection.put_keys_ahead(call.services.redis, prefix, taken)
    return any(one != new[one.key_hash] for one in taken)


def _narrowed(old: ProjectedKey, new: ProjectedKey) -> ProjectedKey:
    record = msgspec.structs.replace(
        narrowing.narrowed_key(old.record, new.record), version=new.record.version
    )
    return msgspec.structs.replace(
        old,
        record=record,
        status=narrowing.narrowed_status(old.status, new.status),
        expires_at_ms=narrowing.sooner(old.expires_at_ms, new.expires_at_ms),
    )


def _unversioned(secret: ProjectedKey) -> ProjectedKey:
    record = msgspec.structs.replace(secret.record, version=0)
    return msgspec.structs.replace(secret, record=record)


async def _done(call: Call, key: Key) -> Response:
    await call.services.bring_projection_up_to_date()
    return _shown(key)


async def found(call: Call, connection: Connection) -> Key:
    """The key of the path, if the caller sees it. Raises `Problem` 404."""
    key_id = check_id(call.path["key_id"], "key")
    key = await keys.find(connection, key_id)
    if key is None or not _is_seen(call, key.record):
        raise not_found(f"There is no key with the id {key_id}.")
    return key


def _is_seen(call: Call, record: KeyRecord) -> bool:
    return call.scope.covers(team_id=record.team_id, user_id=record.user_id, key_id=record.id)


def _record(given: KeyCreate) -> KeyRecord:
    return KeyRecord(
        id=new_ulid(),
        # A user of its own, when the caller names none: usage always belongs to somebody.
        user_id=given.user_id or new_ulid(),
        name=given.name,
        team_id=given.team_id,
        scopes=given.scopes,
        models_allow=given.models.allow,
        models_deny=given.models.deny,
        activation_days=given.activation.days if given.activation is not None else None,
        tags=given.tags,
        policy=policy_of(given),
    )


def _patched(key: Key, given: KeyPatch) -> Key:
    sent = given.model_fields_set
    record = key.record
    changes: dict[str, Any] = {
        name: getattr(given, name) for name in ("name", "team_id", "scopes", "tags") if name in sent
    }
    changes["policy"] = patched_policy(record.policy, given)
    if "models" in sent:
        changes |= {"models_allow": given.models.allow, "models_deny": given.models.deny}
    if "activation" in sent:
        days = given.activation.days if given.activation is not None else None
        changes["activation_days"] = days
    return msgspec.structs.replace(
        key,
        record=msgspec.structs.replace(record, **changes),
        status=given.status if "status" in sent else key.status,
        expires_at=given.expires_at if "expires_at" in sent else key.expires_at,
    )


def _shown(key: Key) -> Response:
    return answered(answer_of(key), headers={"etag": etag(key.record.version)})


def _made(key: Key, secret: str) -> KeyMade:
    return KeyMade(**members(key), key=secret)


def _no_such_team(team_id: str | None) -> Problem:
    return invalid_field("team_id", f"there is no team with the id {team_id}")


_ONE = f"{PATH}/{{key_id}}"
OPERATIONS = (
    Operation(
        "POST", PATH, create, "Make a key", "Keys", may=OPERATE_TEAMS,
        status=201, answer=KeyMade, body=KeyCreate, idempotent_by_key=True, refusals=(409,),
    ),
    Operation("GET", PATH, list_keys, "List keys", "Keys", may=READ_TEAMS,
              answer=KeyList, query=KeyPage),
    Operation("GET", _ONE, show, "Show a key", "Keys", may=READ_TEAMS,
              answer=KeyAnswer, refusals=(404,)),
    Operation(
        "PATCH", _ONE, patch, "Change a key", "Keys", may=OPERATE_TEAMS,
        answer=KeyAnswer, body=KeyPatch, versioned=True, refusals=(404, 409),
    ),
    Operation("DELETE", _ONE, delete, "Revoke a key", "Keys", may=OPERATE_TEAMS,
              status=204, refusals=(404,)),
    Operation(
        "POST", f"{_ONE}/revoke", revoke, "Revoke a key", "Keys", may=OPERATE_TEAMS,
        answer=KeyAnswer, refusals=(404,),
    ),
    Operation(
        "POST", f"{_ONE}/restore", restore, "Make a revoked key active again", "Keys",
        may=OPERATE_TEAMS,
        answer=KeyAnswer, refusals=(404, 409),
    ),
    Operation(
        "POST", f"{_ONE}/rotate", rotate, "Give a key a new secret", "Keys", may=OPERATE_TEAMS,
        status=201, answer=KeyMade, body=Rotation, body_required=False, idempotent_by_key=True,
        refusals=(404, 409),
    ),
)  # fmt: skip
