"""`/internal/routing/explain`: which accounts a request would take at this moment, and why."""

from collections.abc import Iterator, Mapping

import msgspec
from starlette.responses import Response

from common.accounts import built_in_accounts
from common.domain.accounts import DIALECT_OF_PROVIDER, AccountRecord
from common.domain.keys import KeyRecord
from common.domain.policies import ORGANISATION, Applied, Policy, key_scope, team_scope, user_scope
from common.domain.roles import READ
from common.domain.routing_explained import Considered, Load, consider
from common.domain.routing_table import RoutingTable
from common.identifiers import new_ulid, now_ms
from common.price_book import current_price_book
from common.providers.base import CONVERSATIONS
from common.state.condition import cooldowns, open_requests
from common.store import accounts, directory, keys, policies, routing
from common.store.database import Connection
from functions.key_admin.models.routing import AccountExplained, ExplainAnswer, ExplainQuery
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import not_found

PATH = "/internal/routing/explain"
_DIALECTS = {"messages": "anthropic", "gemini.generate": "gemini"}


class _Known(msgspec.Struct):
    """What routing goes by."""

    key: KeyRecord
    applied: tuple[Applied, ...]
    accounts: list[AccountRecord]
    table: RoutingTable
    loads: Mapping[str, Load]

    def admits(self, model: str, alias: str | None = None) -> bool:
        return self.key.allows_model(model, alias) and all(
            one.policy.access.admits_model(model, alias) for one in self.applied
        )


async def explain(call: Call) -> Response:
    """The accounts: those that may serve in the order of asking, then the others, and why not."""
    query = call.sent(ExplainQuery)
    async with call.services.database.transaction() as connection:
        known = await _known(call, connection, query.key)
    rules = known.table.aliases.get(query.model)
    models = [query.model]
    if rules is not None:
        models = list(dict.fromkeys(model for rule in rules for model in rule.models))
    alias = None if rules is None else query.model
    admitted = [model for model in models if known.admits(model, alias)]
    found: list[Considered] = []
    for model in admitted:
        found += _considered(known, model, query.endpoint)
    for other in _fallbacks(known, [query.model, *admitted]):
        first_tier = 1 + max((one.tier for one in found), default=-1)
        found += _considered(known, other, query.endpoint, first_tier)
    refused = None
    if not admitted:
        refused = "the key, or a level above it, does not allow the model"
    elif all(one.left_out for one in found):
        refused = "no account serves the model for this key at this endpoint"
    items = [_explained(one) for one in found]
    return answered(
        ExplainAnswer(model=query.model, models=models, refused=refused, accounts=items)
    )


async def _known(call: Call, connection: Connection, key_id: str) -> _Known:
    key = await keys.find(connection, key_id)
    if key is None:
        raise not_found(f"There is no key with the id {key_id}.")
    record = key.record
    _, stored = await accounts.projected(connection)
    _, table = await routing.projected(connection)
    services = call.services
    prefix = services.settings.state_prefix
    every: list[AccountRecord] = [*built_in_accounts(services.settings.accounts), *stored]
    ends_ms, now = await cooldowns(services.redis, prefix), now_ms()
    opened = await open_requests(services.redis, prefix, [one.id for one in every])
    loads = {one.id: Load(opened[one.id], max(ends_ms.get(one.id, 0) - now, 0)) for one in every}
    return _Known(record, await _applied(connection, record), every, table, loads)


async def _applied(connection: Connection, key: KeyRecord) -> tuple[Applied, ...]:
    """The policies of all levels, from the outermost in."""
    organisation = await policies.organisation(connection)
    found = [Applied("organisation", ORGANISATION, organisation.policy)]
    if key.team_id is not None:
        team = await directory.find_team(connection, key.team_id)
        policy = Policy() if team is None else team.policy
        found.append(Applied("team", team_scope(key.team_id), policy))
    user = await directory.find_user(connection, key.user_id)
    if user is not None:
        found.append(Applied("user", user_scope(user.id), user.policy))
    return (*found, Applied("key", key_scope(key.id), key.policy))


def _considered(known: _Known, model: str, endpoint: str, first_tier: int = 0) -> list[Considered]:
    dialect = _DIALECTS.get(endpoint, "openai")

    def answers(account: AccountRecord, model: str) -> bool:
        if DIALECT_OF_PROVIDER[account.provider] == dialect:
            return True
        # As `common.providers.targets` has it: what is translated is named, or known to be theirs.
        known_there = bool(account.models) or current_price_book().knows(account.provider, model)
        return endpoint in CONVERSATIONS and known_there

    return consider(
        known.accounts,
        model,
        known.applied,
        known.table.groups,
        known.loads,
        answers,
        request_id=new_ulid(),
        first_tier=first_tier,
    )


def _fallbacks(known: _Known, names: list[str]) -> Iterator[str]:
    """What the innermost level that names any for the model lets be asked instead."""
    for one in reversed(known.applied):
        for name in names:
            found = one.policy.routing.fallbacks_of(name)
            if found is not None:
                yield from (other for other in found if known.admits(other))
                return


def _explained(one: Considered) -> AccountExplained:
    return AccountExplained(
        account_id=one.account.id,
        name=one.account.name,
        provider=one.account.provider,
        model=one.model,
        served_model=one.served,
        tier=None if one.left_out else one.tier,
        weight=one.account.weight,
        open_requests=one.load.open,
        state="left_out" if one.left_out else one.state,
        rests_ms=one.load.rests_ms,
        why=one.left_out or one.why,
    )


OPERATIONS = (
    Operation("GET", PATH, explain, "Explain which accounts a request would take", "Routing",
              may=READ,
              answer=ExplainAnswer, query=ExplainQuery, refusals=(404,)),
)  # fmt: skip
