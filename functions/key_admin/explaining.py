"""What a request that might come would be routed by: everything that is known at this moment."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from common.accounts import UsableAccount, built_in_accounts
from common.dialects.conversations import conversation_of
from common.domain.access import Access, Asked
from common.domain.accounts import AccountRecord, account_limits
from common.domain.keys import KeyRecord
from common.domain.limit_figures import figures
from common.domain.limits import compile_rules
from common.domain.policies import ORGANISATION, Applied, key_scope, team_scope, user_scope
from common.domain.prices import PriceBook
from common.domain.routing_explained import Judging, Load
from common.domain.routing_points import Point, out
from common.domain.routing_table import Asking, RoutingTable
from common.identifiers import new_ulid, now_ms
from common.state.admission import Admission
from common.state.condition import cooldowns, open_requests
from common.state.sticky_sessions import StickySessions
from common.store import accounts, directory, keys, policies, routing
from common.store.database import Connection
from functions.key_admin.api.prices import history
from functions.key_admin.models.explained import ExplainQuery
from functions.key_admin.operation import Call
from functions.key_admin.problem import invalid_field, not_found
from functions.key_admin.services import Services

# Of each endpoint its dialect and the scope that it needs, as `relay` declares them.
ENDPOINTS = {
    "chat.completions": ("openai", "chat"),
    "completions": ("openai", "chat"),
    "responses": ("openai", "responses"),
    "messages": ("anthropic", "messages"),
    "embeddings": ("openai", "embeddings"),
    "moderations": ("openai", "moderations"),
    "images.generations": ("openai", "images"),
    "audio.speech": ("openai", "audio"),
    "audio.transcriptions": ("openai", "audio"),
    "gemini.generate": ("gemini", "chat"),
}


class Known(msgspec.Struct):
    """What routing goes by, for one request."""

    query: ExplainQuery
    key: KeyRecord
    status: str
    applied: tuple[Applied, ...]
    accounts: list[UsableAccount]
    table: RoutingTable
    prices: PriceBook
    loads: Mapping[str, Load]
    sticky: str | None
    unpriced_models: str

    @property
    def tags(self) -> list[str]:
        """The key's, or what was asked in their place."""
        return self.key.tags if self.query.tags is None else self.query.tags

    @property
    def asking(self) -> Asking:
        """What conditions look at."""
        query = self.query
        return Asking(
            self.key.team_id,
            self.tags,
            query.headers.get,
            lambda: query.input_tokens,
            lambda: (query.tools, query.images),
        )

    def denied(self, model: str, alias: str | None = None) -> Point | None:
        """Which level does not allow the model, by that alias if one is given."""
        if not self.key.allows_model(model, alias):
            return out("model_denied", level="key", model=model)
        for one in self.applied:
            if not one.policy.access.admits_model(model, alias):
                return out("model_denied", level=one.level, model=model)
        return None

    def refusals(self) -> list[Point]:
        """What refuses it before any model is looked at. Where from it comes is not known."""
        found = [out(self.status)] if self.status in ("revoked", "expired") else []
        dialect, scope = ENDPOINTS[self.query.endpoint]
        if not self.key.allows_scope(scope):
            found.append(out("scopes", level="key", scope=scope))
        agent = self.query.headers.get("user-agent", "")
        asked = Asked(scope, dialect, agent, "")
        for one in self.applied:
            broken = _said_of(one.policy.access, agent).broken_by(asked)
            if broken is not None:
                values = {"scope": scope, "dialect": dialect}
                found.append(out(broken, level=one.level, **values))
        return found

    def judging(self) -> Judging:
        """By what accounts are judged."""
        request_id = new_ulid()
        return Judging(
            rules=self.applied,
            groups=self.table.groups,
            loads=self.loads,
            request_id=request_id,
            unable=self._unable(request_id),
            unpriced=self._unpriced,
            sticky=self.sticky,
        )

    def _unable(self, request_id: str) -> Callable[[AccountRecord, str], Point | None]:
        # Not before it is asked for: it knows all providers.
        from common.providers.targets import able, target_of

        endpoint, found = self.query.endpoint, dict[str, set[str]]()
        serving = [one for one in self.accounts if one.may_serve(request_id)]

        def unable(account: AccountRecord, model: str) -> Point | None:
            if not isinstance(account, UsableAccount):
                raise TypeError("accounts are judged as relay has them")
            if target_of(account, endpoint, model) is None:
                return out("no_endpoint", provider=account.provider)
            if model not in found:
                left, _ = able(serving, endpoint, model, self.prices)
                found[model] = {one.id for one in left}
            if account.id in found[model] or not account.may_serve(request_id):
                return None
            return out("not_known", provider=account.provider)

        return unable

    def _unpriced(self, served: str) -> Point | None:
        said = [one.policy.unpriced_models for one in self.applied]
        judged = [self.unpriced_models, *(one for one in said if one is not None)]
        if judged[-1] == "quarantine" or self.prices.find(served) is not None:
            return None
        return out("unpriced", model=served, book=self.prices.version)


async def known(call: Call, connection: Connection, query: ExplainQuery) -> Known:
    """Everything, at this moment. Raises `Problem` 404 and 422."""
    record, status = await _key(connection, query)
    _, stored = await accounts.projected(connection)
    _, table = await routing.projected(connection)
    built_in = built_in_accounts(call.services.settings.accounts)
    every = [*built_in, *(_without_credential(one) for one in stored)]
    return Known(
        query=query,
        key=record,
        status=status,
        applied=await _applied(connection, record),
        accounts=every,
        table=table,
        prices=(await history(connection)).at(now_ms()),
        loads=await _loads(call.services, every),
        unpriced_models=call.services.settings.unpriced_models,
        sticky=await _sticky(call.services, query, record.team_id or record.id),
    )


async def _key(connection: Connection, query: ExplainQuery) -> tuple[KeyRecord, str]:
    if (query.key is None) == (query.team is None):
        raise invalid_field("key", "give a key's id, or a team's as `team`")
    if query.key is not None:
        key = await keys.find(connection, query.key)
        if key is None:
            raise not_found(f"There is no key with the id {query.key}.")
        return key.record, key.status
    if await directory.find_team(connection, query.team or "") is None:
        raise not_found(f"There is no team with the id {query.team}.")
    # A key that there is not: it has an id, as every key.
    return KeyRecord(id=new_ulid(), user_id="", team_id=query.team), "active"


async def _applied(connection: Connection, key: KeyRecord) -> tuple[Applied, ...]:
    """The policies of all levels, from the outermost in."""
    organisation = await policies.organisation(connection)
    found = [Applied("organisation", ORGANISATION, organisation.policy)]
    if key.team_id is not None:
        team = await directory.find_team(connection, key.team_id)
        if team is not None:
            found.append(Applied("team", team_scope(key.team_id), team.policy))
    user = await directory.find_user(connection, key.user_id) if key.user_id else None
    if user is not None:
        found.append(Applied("user", user_scope(user.id), user.policy))
    return (*found, Applied("key", key_scope(key.id), key.policy))


def _said_of(access: Access, agent: str) -> Access:
    """The rules without those of what is not said: the address, and the client if it is not."""
    also = None if access.also is None else _said_of(access.also, agent)
    clients = access.clients if agent else ()
    return msgspec.structs.replace(access, addresses=(), clients=clients, also=also)


def _without_credential(record: AccountRecord) -> UsableAccount:
    return UsableAccount(**{name: getattr(record, name) for name in record.__struct_fields__})


async def _loads(services: Services, every: list[UsableAccount]) -> dict[str, Load]:
    prefix, now = services.settings.state_prefix, now_ms()
    ends_ms = await cooldowns(services.redis, prefix)
    opened = await open_requests(services.redis, prefix, [one.id for one in every])
    used_up = await asyncio.gather(*(_used_up(services, one) for one in every))
    return {
        one.id: Load(opened[one.id], max(end - now, 0), end, limit)
        for one, limit in zip(every, used_up, strict=True)
        for end in (ends_ms.get(one.id, 0),)
    }


async def _used_up(services: Services, account: UsableAccount) -> str:
    """The first limit of the account that is used up; '' for none."""
    rules = compile_rules((account_limits(account),), now_ms())
    if not rules.packed:
        return ""
    admission = Admission(services.redis, services.settings.state_prefix)
    for one in figures(rules.limits, await admission.read_rules(rules.packed)):
        if float(one["remaining"]) <= 0:
            return str(one["limit"])
    return ""


async def _sticky(services: Services, query: ExplainQuery, tenant: str) -> str | None:
    """The account that the headers' conversation was served by last."""
    conversation = conversation_of(query.headers.get, b"{}")
    if conversation is None:
        return None
    # It is only looked up: how long it is kept does not matter.
    sessions = StickySessions(services.redis, services.settings.state_prefix, 0)
    return await sessions.find(sessions.key_of(tenant, query.model, conversation))
