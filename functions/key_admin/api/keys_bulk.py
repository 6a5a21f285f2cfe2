"""`/internal/api-keys/bulk`: many keys made, changed or revoked by one call, all or none."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.responses import Response

from common.domain.ids import is_ulid
from common.domain.key_table import KEYS_MAX
from common.domain.roles import OPERATE_TEAMS
from common.domain.routing import NO_ROUTING
from common.store import directory, keys
from common.store.database import Connection
from common.store.keys import Key
from functions.key_admin import idempotency, key_changes
from functions.key_admin.binding import check_binding
from functions.key_admin.content_webhook import check_webhook
from functions.key_admin.key_answers import audited, members_of
from functions.key_admin.models.keys import KeyCreate, KeyMade, KeyPatch
from functions.key_admin.models.keys_bulk import (
    BODY_BYTES_MAX,
    KeyChange,
    KeyFilter,
    KeyRow,
    KeysChange,
    KeysChanged,
    KeysCreate,
    KeysMade,
)
from functions.key_admin.models.limits import LimitsFields, shown_counts
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import FieldError, Problem, invalid, invalid_field
from functions.key_admin.scoping import check_key_patch, scoped_key

PATH = "/internal/api-keys/bulk"
TAGS_MAX = 50
# What changes with every change of a key, and says nothing of it.
_ALWAYS = frozenset(("updated_at",))


async def create(call: Call) -> Response:
    """201 with all of them; 422 names each row and field at fault, and none is made."""
    rows = call.sent(KeysCreate).keys
    repeatable = call.repeatable()
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        made = []
        for given, record in await _checked(call, connection, rows):
            key, secret = await key_changes.create(call, connection, given, record, of_many=True)
            made.append(KeyMade(**members_of(key), key=secret))
        answer = answered(KeysMade(items=made), 201)
        what = _named(made)
        await idempotency.keep(call.services, connection, repeatable, what, answer)
    await call.services.bring_projection_up_to_date()
    return answer


async def change(call: Call) -> Response:
    """What becomes of each key; `dry_run` says what would.

    With the entity tag of a dry run as `If-Match` it is refused (412) should any of the keys have
    changed since, or other keys be found. A key that is so already stays as it is.
    """
    given = call.sent(KeysChange)
    if given.set is not None:
        with _of_set():
            check_key_patch(call, given.set)
    repeatable = None if given.dry_run else call.repeatable()
    async with call.services.database.transaction() as connection:
        kept = await idempotency.kept_reply(call.services, connection, repeatable)
        if kept is not None:
            return kept
        found = await _selected(call, connection, given)
        version = _version_of(found)
        call.check_version(version)
        pairs = [(key, _changed(key, given)) for key in found]
        with _of_set():
            items = [await _carried_out(call, connection, given, *pair) for pair in pairs]
        answer = answered(_summed(given, items), headers={"etag": etag(version)})
        what = f"changes of {len(items)} keys"
        await idempotency.keep(call.services, connection, repeatable, what, answer)
    if not given.dry_run:
        await call.services.bring_projection_up_to_date()
    return answer


async def _checked(
    call: Call, connection: Connection, rows: Sequence[KeyRow]
) -> list[tuple[KeyCreate, Any]]:
    """The keys as they may be made, with their records. Raises `Problem` with all faults."""
    named = await _teams(call, connection, rows)
    errors: list[FieldError] = []
    checked = []
    for place, row in enumerate(rows):
        try:
            given = await scoped_key(call, connection, _with_team(row, named))
            record = key_changes.record_of(given)
            check_webhook(call, record.policy.content)
            await check_binding(call, connection, NO_ROUTING, record.policy.routing)
        except Problem as problem:
            if not problem.errors:
                raise
            if problem.status != 422:
                raise _below(problem, f"keys[{place}]") from None
            errors += _below(problem, f"keys[{place}]").errors
        else:
            checked.append((given, record))
    if errors:
        raise _all_of(errors)
    return checked


async def _teams(call: Call, connection: Connection, rows: Sequence[KeyRow]) -> dict[str, str]:
    """Ids of the teams that are named and seen, by id and by name."""
    wanted = {name for row in rows for name in (row.team, row.team_id) if name is not None}
    ids = [one for one in wanted if is_ulid(one)]
    found = await directory.teams_named(connection, sorted(wanted), ids) if wanted else {}
    seen = {one: name for one, name in found.items() if call.scope.covers(team_id=one)}
    # An id counts before a name that looks like one.
    return {name: one for one, name in seen.items()} | {one: one for one in seen}


def _with_team(row: KeyRow, named: dict[str, str]) -> KeyCreate:
    """The row as a key with its team's id. Raises `Problem` 422."""
    field = "team" if row.team is not None else "team_id"
    wanted = row.team or row.team_id
    if wanted is not None and wanted not in named:
        kind = "name or id" if field == "team" else "id"
        raise invalid_field(field, f"there is no team with the {kind} {wanted!r}")
    sent = row.model_fields_set - {"team"}
    values = {name: getattr(row, name) for name in KeyCreate.model_fields}
    if wanted is not None:
        values["team_id"] = named[wanted]
        sent |= {"team_id"}
    return KeyCreate.model_construct(_fields_set=sent, **values)


async def _selected(call: Call, connection: Connection, given: KeysChange) -> list[Key]:
    """The keys that are meant, in the order of their ids. Raises `Problem` 422."""
    ids = None if given.ids is None else sorted(set(given.ids))
    asked = given.filter or KeyFilter()
    seen = call.scope.bounds(asked.team_id, asked.user_id)
    found = await keys.page(
        connection,
        ids=ids,
        key_id=seen.key_id,
        user_id=seen.user_id,
        team_ids=seen.team_ids,
        status=asked.status,
        tag=asked.tag,
        search=asked.search,
        sort="oldest",
        limit=KEYS_MAX + 1,
    )
    if len(found) > KEYS_MAX:
        raise invalid_field(
            "filter", f"finds more than {KEYS_MAX} keys: narrow it, or give ids in parts"
        )
    if ids is not None and len(found) < len(ids):
        there = {key.record.id for key in found}
        raise _all_of(
            [
                FieldError(field=f"ids[{place}]", message=f"there is no key with the id {one}")
                for place, one in enumerate(given.ids or [])
                if one not in there
            ]
        )
    return found


def _changed(key: Key, given: KeysChange) -> Key | None:
    """The key as it is to be; None when it is left as it is. Raises `Problem` 422."""
    if given.revoke:
        return None if key.status == "revoked" else msgspec.structs.replace(key, status="revoked")
    if key.status == "revoked":
        return None
    after = key
    if given.set is not None:
        after = key_changes.patched(key, _with_own_limits(key, given.set))
    taken = set(given.remove_tags)
    tags = [tag for tag in after.record.tags if tag not in taken]
    tags += [tag for tag in dict.fromkeys(given.add_tags) if tag not in tags]
    if len(tags) > TAGS_MAX:
        message = f"{key.record.name} would have more than {TAGS_MAX} tags"
        raise invalid_field("add_tags", message)
    record = msgspec.structs.replace(after.record, tags=tags)
    after = msgspec.structs.replace(after, record=record)
    return None if after == key else after


def _with_own_limits(key: Key, patch: KeyPatch) -> KeyPatch:
    """The change with the limits of rate that it does not speak of as the key has them."""
    if patch.limits is None or "limits" not in patch.model_fields_set:
        return patch
    own: LimitsFields = shown_counts(key.record.policy)["limits"]
    sent = patch.limits.model_dump(include=patch.limits.model_fields_set)
    try:
        limits = LimitsFields.model_validate(own.model_dump() | sent)
    except ValidationError as error:
        found = invalid(error, "limits")
        raise _all_of(
            [
                FieldError(field="set.limits", message=f"{key.record.name}: {one.message}")
                for one in found.errors
            ]
        ) from None
    return patch.model_copy(update={"limits": limits})


async def _carried_out(
    call: Call, connection: Connection, given: KeysChange, key: Key, after: Key | None
) -> KeyChange:
    """The key changed, unless it is a dry run. Raises `Problem`."""
    if after is None:
        skipped = key.status == "revoked" and not given.revoke
        return _item(key, "skipped" if skipped else "unchanged")
    if not given.revoke:
        old, new = key.record.policy, after.record.policy
        check_webhook(call, new.content, old.content)
        await check_binding(call, connection, old.routing, new.routing)
        if given.dry_run and given.set is not None and "team_id" in given.set.model_fields_set:
            await _check_team(connection, after.record.team_id)
    before = audited(key)
    if not given.dry_run:
        if given.revoke:
            after = await key_changes.revoke(call, connection, key, of_many=True)
        else:
            written = key_changes.write
            after = await written(call, connection, key, after, "key.update", of_many=True)
    now = audited(after)
    differs = [name for name in now if name not in _ALWAYS and now[name] != before[name]]
    return _item(
        key,
        "changed",
        before={name: before[name] for name in differs},
        after={name: now[name] for name in differs},
    )


async def _check_team(connection: Connection, team_id: str | None) -> None:
    if team_id is not None and not await directory.teams_named(connection, [], [team_id]):
        raise invalid_field("team_id", f"there is no team with the id {team_id}")


@contextmanager
def _of_set() -> Iterator[None]:
    """Faults of a key's members are faults of those of `set`."""
    try:
        yield
    except Problem as problem:
        if not problem.errors:
            raise
        raise _below(problem, "set") from None


def _item(
    key: Key,
    outcome: Any,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> KeyChange:
    record = key.record
    return KeyChange(
        id=record.id,
        name=record.name,
        key_prefix=key.key_prefix,
        team_id=record.team_id,
        outcome=outcome,
        before=before or {},
        after=after or {},
    )


def _summed(given: KeysChange, items: list[KeyChange]) -> KeysChanged:
    outcomes: list[str] = [one.outcome for one in items]
    return KeysChanged(
        dry_run=given.dry_run,
        changed=outcomes.count("changed"),
        unchanged=outcomes.count("unchanged"),
        skipped=outcomes.count("skipped"),
        items=items,
    )


def _version_of(found: Sequence[Key]) -> str:
    """What names these keys as they are now."""
    said = ",".join(f"{key.record.id}:{key.record.version}" for key in found)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _named(made: Sequence[KeyMade]) -> str:
    return f"{len(made)} keys, the first of them {made[0].id}"


def _below(problem: Problem, where: str) -> Problem:
    """The same of a member of the body."""
    errors = [one.model_copy(update={"field": f"{where}.{one.field}"}) for one in problem.errors]
    if problem.status == 422:
        return _all_of(errors)
    return Problem(problem.status, problem.title, f"{where}.{problem.detail}", errors=errors)


def _all_of(errors: list[FieldError]) -> Problem:
    named = ", ".join(dict.fromkeys(one.field for one in errors))
    return Problem(422, "Invalid request", f"The body is not valid: {named}", errors=errors)


OPERATIONS = (
    Operation(
        "POST", PATH, create, "Make many keys", "Keys", may=OPERATE_TEAMS,
        status=201, answer=KeysMade, body=KeysCreate, body_bytes_max=BODY_BYTES_MAX,
        idempotent_by_key=True,
    ),
    Operation(
        "PATCH", PATH, change, "Change or revoke many keys", "Keys", may=OPERATE_TEAMS,
        answer=KeysChanged, body=KeysChange, idempotent_by_key=True, versioned=True,
    ),
)  # fmt: skip
