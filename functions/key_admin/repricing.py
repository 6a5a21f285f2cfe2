"""Pricing records again: adjustments into Redis' counters and outbox, then into the ledger.

The outbox first, in the call that counts them: whatever dies after it, the ledger gets each once.
"""

from datetime import UTC, date, datetime, time

import msgspec

from common.domain import usage
from common.domain.ids import first_uuid, ulid_time_ms
from common.domain.limits import compile_rules
from common.domain.policies import (
    ORGANISATION,
    Applied,
    Level,
    Policy,
    account_scope,
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.price_history import PriceHistory
from common.domain.rerating import Correction, correction
from common.domain.usage import UsageRecord
from common.identifiers import now_ms
from common.posting import Arrival, post
from common.state.admission import Admission
from common.store import accounts, keys, policies, price_books
from common.store.database import Connection
from functions.key_admin.models.prices import RecomputeSent
from functions.key_admin.problem import invalid_field
from functions.key_admin.services import Services


class Page(msgspec.Struct):
    """What became of a page of records."""

    examined: int = 0
    adjusted: int = 0
    unpriced: int = 0
    own_file: int = 0
    difference_pico: int = 0
    next_cursor: str | None = None


def span_of(given: RecomputeSent) -> tuple[datetime, datetime]:
    """The bounds as times; a date is its midnight in UTC. Raises `Problem`."""
    since, until = (_moment(bound) for bound in (given.since, given.until))
    if since >= until:
        raise invalid_field("until", "must be later than since")
    return since, until


async def recompute(
    services: Services,
    history: PriceHistory,
    given: RecomputeSent,
    since: datetime,
    until: datetime,
) -> Page:
    """Price a page again and post what differs, unless it is a dry run.

    Raises `DatabaseUnavailable` (nothing, or not all, was done: repeat it) and `RedisUnavailable`.
    """
    async with services.database.transaction() as connection:
        found = await price_books.rated(
            connection,
            since=first_uuid(since),
            until=first_uuid(until),
            after=given.cursor,
            model=given.model,
            limit=given.limit,
        )
        page = Page(examined=len(found))
        corrections: list[Correction] = []
        for posted in found:
            book = history.at(ulid_time_ms(posted.record.id))
            match correction(posted, book):
                case None:
                    pass
                case "unpriced":
                    page.unpriced += 1
                case "own_file":
                    page.own_file += 1
                case made:
                    corrections.append(made)
        rules = {} if given.dry_run else await _rules(connection, corrections)
    page.adjusted = len(corrections)
    page.difference_pico = sum(one.difference_pico for one in corrections)
    if len(found) == given.limit:
        page.next_cursor = found[-1].record.id
    if corrections and not given.dry_run:
        await _post(services, corrections, rules)
    return page


async def _post(services: Services, corrections: list[Correction], rules: dict[str, bytes]) -> None:
    admission = Admission(services.redis, services.settings.state_prefix)
    arrivals = []
    for one in corrections:
        record = one.adjustment
        raw = usage.encode(record)
        outbox_id = await admission.correct(
            record.id,
            raw,
            rules=rules[record.id],
            at_ms=ulid_time_ms(record.id),
            nano=one.difference_nano,
        )
        arrivals.append(Arrival(raw, outbox_id, record))
    await post(services.database, services.outbox, arrivals)


async def _rules(connection: Connection, corrections: list[Correction]) -> dict[str, bytes]:
    """Of each adjustment, the rules that count money and whose period goes on."""
    known: dict[str, Policy | None] = {}
    packed: dict[str, bytes] = {}
    for one in corrections:
        record = one.adjustment
        applied = [
            Applied(level, scope, policy)
            for level, scope in _scopes(record)
            if (policy := await _policy(connection, known, level, scope, record)) is not None
        ]
        at_ms, now = ulid_time_ms(record.id), now_ms()
        rules = [
            limit.rule
            for limit in compile_rules(applied, at_ms).limits
            if limit.is_money
            and (
                at_ms + limit.rule.time_ms > now
                if limit.rule.kind == "w"
                else limit.rule.time_ms == 0 or limit.rule.time_ms > now
            )
        ]
        packed[record.id] = msgspec.msgpack.encode(rules) if rules else b""
    return packed


def _scopes(record: UsageRecord) -> list[tuple[Level, str]]:
    scopes: list[tuple[Level, str]] = [("organisation", ORGANISATION)]
    if record.team_id is not None:
        scopes.append(("team", team_scope(record.team_id)))
    return [
        *scopes,
        ("user", user_scope(record.user_id)),
        ("key", key_scope(record.key_id)),
        ("account", account_scope(record.account_id)),
    ]


async def _policy(
    connection: Connection,
    known: dict[str, Policy | None],
    level: Level,
    scope: str,
    record: UsageRecord,
) -> Policy | None:
    if scope not in known:
        if level == "key":
            secrets = await keys.projected(connection, key_id=record.key_id)
            known[scope] = secrets[0].record.policy if secrets else None
        elif level == "account":
            account = await accounts.find(connection, record.account_id)
            known[scope] = account.record.policy if account is not None else None
        else:
            found = await policies.projected(connection, scope=scope, limit=1)
            known[scope] = found[0].policy if found else None
    return known[scope]


def _moment(bound: datetime | date) -> datetime:
    if isinstance(bound, datetime):
        return bound.astimezone(UTC)
    return datetime.combine(bound, time(), UTC)
