"""Limits and budgets: rows, what of them is projected, and what the levels have used so far."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.content_rules import MEMBERS as CONTENT_COLUMNS
from common.domain.ids import ulid_to_uuid
from common.domain.limits import Count, count_key, forget_ms, living_periods, money_key
from common.domain.periods import NEVER_MS, in_default_calendar, span_of
from common.domain.policies import NO_POLICY, ORGANISATION, Applied, Policy
from common.store.database import Connection, query

COUNTS_COLUMNS = ("limits", "budgets", "calendar")
COLUMNS = (
    *(*COUNTS_COLUMNS, "access", "unpriced_models", "client_gone", "routing"), *CONTENT_COLUMNS
)  # fmt: skip

_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Organisation(msgspec.Struct, frozen=True):
    """The installation's one organisation."""

    policy: Policy
    version: int
    updated_at: datetime


class ProjectedPolicy(msgspec.Struct, frozen=True):
    """What limits a scope, as `common.state.projection.put_policy` takes it."""

    scope: str
    policy: Policy
    version: int


def columns(policy: Policy) -> dict[str, Any]:
    """A policy as the values of its columns; some tables lack some of them."""
    members = msgspec.to_builtins(policy)
    client_gone = members.get("client_gone")
    return {
        "limits": Jsonb(members.get("limits", {})),
        "budgets": Jsonb(members.get("budgets", [])),
        "calendar": Jsonb(members.get("calendar", {})),
        "access": Jsonb(members.get("access", {})),
        "unpriced_models": policy.unpriced_models,
        "client_gone": _nullable(client_gone),
        "routing": Jsonb(members.get("routing", {})),
        **{name: _nullable(getattr(policy.content, name)) for name in CONTENT_COLUMNS},
    }


def _nullable(members: dict[str, Any] | None) -> Jsonb | None:
    return None if members is None else Jsonb(members)


def read(row: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> Policy:
    """The policy of a row with these columns; an account's has `COUNTS_COLUMNS`."""
    there = {name: row[name] for name in columns if name in row}
    there["content"] = {name: there.pop(name) for name in CONTENT_COLUMNS if name in there}
    policy = msgspec.convert(there, Policy)
    return NO_POLICY if policy == NO_POLICY else policy


async def organisation(connection: Connection) -> Organisation:
    """The organisation. Raises `LookupError` before the migration that makes it."""
    row = await (await connection.execute(query("select_organisation"))).fetchone()
    if row is None:
        raise LookupError("the table organisation is empty: run relayctl migrate")
    return Organisation(read(row), row["version"], row["updated_at"])


async def update_organisation(connection: Connection, policy: Policy, version: int) -> bool:
    """Write its policy if it still has that version."""
    values = {**columns(policy), "version": version}
    cursor = await connection.execute(query("update_organisation"), values)
    return bool(cursor.rowcount)


async def projected(
    connection: Connection, *, scope: str | None = None, after: str = "", limit: int = 1000
) -> list[ProjectedPolicy]:
    """The policy of one scope, or a page of all that limit anything, in the scopes' order."""
    values = {"scope": scope, "after": after, "limit": limit}
    cursor = await connection.execute(query("projected_policies"), values)
    return [
        ProjectedPolicy(row["scope"], read(row), row["version"]) for row in await cursor.fetchall()
    ]


async def outrun(connection: Connection, scope: str, version: int) -> bool:
    """Raise a scope's version above `version - 1` unless it is there already; whether it was."""
    kind, _, subject = scope.partition(":")
    values = {"subject": subject, "version": version}
    cursor = await connection.execute(query(f"outrun_{kind}"), values)
    return bool(cursor.rowcount)


async def next_version(connection: Connection) -> int:
    """A version newer than all there are, for what is gone."""
    row = await (await connection.execute(query("next_version"))).fetchone()
    return int(row["version"]) if row is not None else 0


async def counts(connection: Connection, applied: Sequence[Applied], now_ms: int) -> list[Count]:
    """What the counters of all living periods are to show at least.

    Money of UTC's periods from the totals, which outlive all retention; everything else, and all
    of accounts, from the rollups.
    """
    found: list[Count] = []
    totals: dict[tuple[str, str], int] = {}
    for one in applied:
        for period, span in living_periods(one, now_ms):
            if one.level != "account" and in_default_calendar(period, one.policy.calendar):
                totals[one.scope, span.id] = forget_ms(span)
            else:
                used = await used_between(connection, one.scope, span.start_ms, span.end_ms)
                key = money_key(one.scope, span.id)
                found.append(Count(key, "s", used["nano"], forget_ms(span)))
        found += await _of_day(connection, one, now_ms)
    return found + await _of_totals(connection, totals)


async def _of_day(connection: Connection, one: Applied, now_ms: int) -> list[Count]:
    limits = one.policy.limits
    if limits.requests_per_day is None and limits.tokens_per_day is None:
        return []
    day = span_of("day", now_ms, one.policy.calendar)
    used = await used_between(connection, one.scope, day.start_ms, day.end_ms)
    key = count_key(one.scope, day.id)
    return [
        Count(key, "r", used["requests"], forget_ms(day)),
        Count(key, "t", used["tokens"], forget_ms(day)),
    ]


async def _of_totals(connection: Connection, totals: dict[tuple[str, str], int]) -> list[Count]:
    if not totals:
        return []
    scopes = sorted({scope for scope, _ in totals})
    periods = sorted({period for _, period in totals})
    cursor = await connection.execute(query("select_totals"), [scopes, periods])
    return [
        Count(
            money_key(row["scope"], row["period"]),
            "s",
            row["nano"],
            totals[row["scope"], row["period"]],
        )
        for row in await cursor.fetchall()
        if (row["scope"], row["period"]) in totals
    ]


async def used_between(
    connection: Connection, scope: str, since_ms: int, until_ms: int
) -> dict[str, int]:
    """What a scope used from one quarter of an hour to another, by the rollups.

    Requests, tokens, `nano` (USD rounded up), `pico` (exact).
    """
    kind, _, subject = scope.partition(":")
    values: dict[str, Any] = {
        "since": datetime.fromtimestamp(since_ms / 1000, UTC),
        "until": _ALWAYS if until_ms == NEVER_MS else datetime.fromtimestamp(until_ms / 1000, UTC),
        "key_id": UUID(subject) if kind == "key" else None,
        "user_id": subject if kind == "user" else None,
        "team_id": UUID(subject) if kind == "team" else None,
        "account_id": ulid_to_uuid(subject) if kind == "account" else None,
    }
    if kind not in ("key", "user", "team", "account", ORGANISATION):
        raise ValueError(f"{scope!r} is no scope")
    row = await (await connection.execute(query("sum_scope"), values)).fetchone()
    return dict(row) if row is not None else {"requests": 0, "tokens": 0, "nano": 0}
