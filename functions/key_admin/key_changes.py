"""Making, changing and revoking a key in a transaction: of one, and of many together."""

from typing import Any

import msgspec
import psycopg

from common import projection
from common.domain import narrowing
from common.domain.keys import KeyRecord, hash_key, key_prefix_of
from common.identifiers import new_ulid
from common.secrets import new_api_key
from common.store import directory, keys
from common.store.database import Connection
from common.store.keys import Key, ProjectedKey
from functions.key_admin.key_answers import audited
from functions.key_admin.models.keys import KeyCreate, KeyPatch
from functions.key_admin.models.limits import patched_policy, policy_of
from functions.key_admin.operation import Call
from functions.key_admin.problem import Problem, conflict, invalid_field


async def create(
    call: Call,
    connection: Connection,
    given: KeyCreate,
    record: KeyRecord,
    *,
    of_many: bool = False,
) -> tuple[Key, str]:
    """The new key and its secret. Raises `Problem` 422 for no such team."""
    prefix = call.services.settings.api_key_prefix
    secret = new_api_key(prefix)
    user_made = await directory.ensure_user(connection, record.user_id)
    try:
        key = await keys.create(
            connection, record, given.expires_at, hash_key(secret), key_prefix_of(secret, prefix)
        )
    except psycopg.errors.ForeignKeyViolation:
        raise _no_such_team(given.team_id) from None
    after = audited(key) | ({"user_created": True} if user_made else {})
    await call.audit(connection, "key.create", record.id, after=after, of_many=of_many)
    return key, secret


async def revoke(call: Call, connection: Connection, before: Key, *, of_many: bool = False) -> Key:
    """Revoked, with its row in the trail; one that is already only gets a newer version."""
    key_id = before.record.id
    old = await keys.projected(connection, key_id=key_id)
    if not await keys.revoke(connection, key_id):
        # Whatever Redis has, even of a copy of it that was restored, revoking wins.
        await keys.bump(connection, key_id)
        return await _again(connection, key_id)
    key = await _again(connection, key_id)
    await call.audit(
        connection,
        "key.revoke",
        key_id,
        before=audited(before),
        after=audited(key),
        of_many=of_many,
    )
    await project_ahead(call, connection, old)
    return key


async def write(
    call: Call,
    connection: Connection,
    before: Key,
    key: Key,
    action: str,
    *,
    of_many: bool = False,
) -> Key:
    """Changed, with its row in the trail. Raises `Problem` 409 and, for no such team, 422."""
    key_id = key.record.id
    old = await keys.projected(connection, key_id=key_id)
    try:
        written = await keys.update(connection, key)
    except psycopg.errors.ForeignKeyViolation:
        raise _no_such_team(key.record.team_id) from None
    if not written:
        raise conflict("The key was changed by another call at the same time; try again.")
    if await project_ahead(call, connection, old):
        # What is committed is another version than what Redis has until then.
        await keys.bump(connection, key_id)
    key = await _again(connection, key_id)
    await call.audit(
        connection,
        action,
        key_id,
        before=audited(before),
        after=audited(key),
        of_many=of_many,
    )
    return key


async def project_ahead(call: Call, connection: Connection, old: list[ProjectedKey]) -> bool:
    """Redis before the commit gets what a change of one key takes away, and nothing that it gives.

    So what takes rights away holds everywhere once it is answered, and should Redis be away nothing
    is changed and 503 said. What gives rights only needs Redis after the commit. Returns whether
    Redis has something else now than what is going to be committed.
    """
    if not old:
        return False
    key_id = old[0].record.id
    new = {one.key_hash: one for one in await keys.projected(connection, key_id=key_id)}
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


def record_of(given: KeyCreate) -> KeyRecord:
    """What was sent as the record of a new key."""
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


def patched(key: Key, given: KeyPatch) -> Key:
    """The key with what was sent in the old one's place."""
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


async def _again(connection: Connection, key_id: str) -> Key:
    key = await keys.find(connection, key_id)
    if key is None:
        raise LookupError("the key that was just written is not there")
    return key


def _no_such_team(team_id: str | None) -> Problem:
    return invalid_field("team_id", f"there is no team with the id {team_id}")
