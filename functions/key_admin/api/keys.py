"""`/internal/api-keys`: create, list, show, change, revoke, restore, rotate."""

from collections.abc import Awaitable, Callable

import msgspec
from pydantic import BaseModel
from starlette.responses import Response

from common.domain.keys import KeyRecord, hash_key, key_prefix_of
from common.domain.roles import OPERATE_TEAMS, READ_TEAMS
from common.domain.routing import NO_ROUTING
from common.secrets import new_api_key
from common.store import keys
from common.store.database import Connection
from common.store.keys import Key
from functions.key_admin import idempotency, key_changes
from functions.key_admin.binding import check_binding, check_restorable
from functions.key_admin.bodies import check_id
from functions.key_admin.content_webhook import check_webhook
from functions.key_admin.key_answers import answer_of, members_of
from functions.key_admin.models.keys import (
    KeyAnswer,
    KeyCreate,
    KeyList,
    KeyMade,
    KeyPage,
    KeyPatch,
    Rotation,
)
from functions.key_admin.models.routing import BINDING
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import conflict, not_found
from functions.key_admin.scoping import check_key_patch, scoped_key

PATH = "/internal/api-keys"
_UNBINDING = {"team_id", *BINDING}


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
    repeatable = call.repeatable(collection)
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        given = await sent(connection)
        record = key_changes.record_of(given)
        check_webhook(call, record.policy.content)
        await check_binding(call, connection, NO_ROUTING, record.policy.routing)
        key, secret = await key_changes.create(call, connection, given, record)
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
    """What was sent is changed, on the next request everywhere; what is so already stays.

    Of a revoked key only its team, account and group are taken away: else 409.
    """
    given = call.sent(KeyPatch)
    check_key_patch(call, given)
    async with call.services.database.transaction() as connection:
        key = await found(call, connection)
        call.check_version(key.record.version)
        if key.status == "revoked" and not _only_unbinds(given):
            raise conflict(
                "A revoked key can only be unbound (null for team_id, account_id, group_id and "
                "nothing else): to change more, restore it first."
            )
        patched = key_changes.patched(key, given)
        if patched != key:
            old, new = key.record.policy, patched.record.policy
            check_webhook(call, new.content, old.content)
            await check_binding(call, connection, old.routing, new.routing)
            key = await key_changes.write(call, connection, key, patched, "key.update")
    return await _done(call, key)


async def revoke(call: Call) -> Response:
    """Revoked on the next request everywhere; once more changes nothing."""
    return await _done(call, await revoked(call))


async def delete(call: Call) -> Response:
    """The same as revoke; the key stays listed, because the ledger speaks of it."""
    await _done(call, await revoked(call))
    return Response(status_code=204)


async def restore(call: Call) -> Response:
    """A revoked or disabled key is active again; once more changes nothing.

    409 while it is bound to an account that was deleted meanwhile.
    """
    async with call.services.database.transaction() as connection:
        key = await found(call, connection)
        if key.status != "active":
            await check_restorable(call, connection, key.record.policy.routing)
            active = msgspec.structs.replace(key, status="active")
            key = await key_changes.write(call, connection, key, active, "key.restore")
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
        await key_changes.project_ahead(call, connection, old)
        answer = answered(shown(key, secret), 201)
        await idempotency.keep(call.services, connection, repeatable, key.record.id, answer)
    await call.services.bring_projection_up_to_date()
    return answer


async def revoked(call: Call) -> Key:
    """The key, revoked; Redis has it already. Raises `Problem` 404."""
    async with call.services.database.transaction() as connection:
        return await key_changes.revoke(call, connection, await found(call, connection))


def _only_unbinds(given: KeyPatch) -> bool:
    """So what a leaked key names can be deleted, without its secret working again meanwhile."""
    sent = given.model_fields_set
    return sent <= _UNBINDING and all(getattr(given, name) is None for name in sent)


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


def _shown(key: Key) -> Response:
    return answered(answer_of(key), headers={"etag": etag(key.record.version)})


def _made(key: Key, secret: str) -> KeyMade:
    return KeyMade(**members_of(key), key=secret)


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
