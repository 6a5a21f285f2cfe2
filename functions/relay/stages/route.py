"""Route: from the snapshot to an ordered list of accounts that may serve. Pure."""

import itertools

import msgspec

from common.accounts import FALLBACK_TIER
from common.domain.accounts import draw_of, tier_of
from common.domain.prices import PriceBook
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.routing import CANDIDATES_MAX, FALLBACKS_MAX
from common.domain.routing_table import RoutingTable
from common.providers.targets import able as able_of
from functions.relay.able_accounts import AbleAccounts
from functions.relay.latencies import Latencies
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.access import check_access, check_model


class World(msgspec.Struct, frozen=True):
    """What a request is routed by, as the process knows it when the request comes."""

    accounts: list[UsableAccount]
    table: RoutingTable
    prices: PriceBook
    latencies: Latencies
    deny_unpriced: bool
    # Kept from request to request where the process has many to route.
    able: AbleAccounts = msgspec.field(default_factory=AbleAccounts)


def route(request: OpenRequest, world: World) -> list[UsableAccount]:
    """At most eight accounts, best first; those of one tier come together, and their load decides.

    One that serves another model than was asked for (an alias's, a fallback) says so by its
    `models`. Raises `Refused` when key or model forbid it.
    """
    if request.parsed is None or request.endpoint is None:
        raise ValueError("key, body and endpoint come before the route")
    check_access(request)
    model, alias = request.parsed.model, None
    if model in world.table.aliases:
        from functions.relay.stages.models import target

        model, alias = target(request, world.table), model
    check_model(request, model, alias)
    found = _serving(request, world, model)
    if any(one.policy.routing.fallbacks for one in request.routing):
        from functions.relay.stages.models import fallbacks_of

        others: list[UsableAccount] = []
        for number, other in enumerate(fallbacks_of(request, world.table, model), 1):
            others += _instead(request, world, other, number * FALLBACK_TIER)
        found = found[: CANDIDATES_MAX - min(len(others), FALLBACKS_MAX)] + others
    return found[:CANDIDATES_MAX]


def _serving(
    request: OpenRequest, world: World, model: str, first_tier: int = 0
) -> list[UsableAccount]:
    """Those that may serve the model, in order. Raises `Refused` for none."""
    able = _able(request, world, model)
    if request.routing:
        able = _bound(request, world, able, model)
    if world.deny_unpriced:
        able = _priced(request, world, able, model)
    if len(able) > 1:

        def place(one: UsableAccount) -> tuple[bool, int, float]:
            weight = world.latencies.weighed(one, one.served_model(model) or model)
            return *tier_of(one), draw_of(one, request.id, weight)

        able = sorted(able, key=place)
    asked = request.parsed.model if request.parsed is not None else model
    tiers = itertools.groupby(able, tier_of)
    return [
        _candidate(one, asked, model, tier)
        for tier, (_, alike) in enumerate(tiers, first_tier)
        for one in alike
    ]


def _instead(
    request: OpenRequest, world: World, model: str, first_tier: int
) -> list[UsableAccount]:
    """As `_serving`; none where it would be refused."""
    try:
        return _serving(request, world, model, first_tier)
    except Refused:
        return []


def _candidate(account: UsableAccount, asked: str, model: str, tier: int) -> UsableAccount:
    """The account as it serves this request; the same one where nothing is particular."""
    if asked != model:
        models = {asked: account.served_model(model) or model}
        return msgspec.structs.replace(account, models=models, models_too={}, tier=tier)
    return msgspec.structs.replace(account, tier=tier) if tier else account


def _able(request: OpenRequest, world: World, model: str) -> list[UsableAccount]:
    """Those that serve the model at the endpoint, whoever asks. Raises `Refused` for none."""
    endpoint, parsed, pinned = request.endpoint, request.parsed, request.pinned_account_id
    if endpoint is None or parsed is None:
        raise ValueError("body and endpoint come before the route")
    # Jobs and stored responses mean something only to the account that keeps them.
    untranslated = parsed.job is not None or parsed.follows is not None
    known = None
    if pinned is None and not untranslated:
        known = world.able.of(world.accounts, world.prices, endpoint.name, model)
    able, translates = known or able_of(
        [
            one
            for one in world.accounts
            if one.may_serve(request.id, pinned=pinned == one.id) and pinned in (None, one.id)
        ],
        endpoint.name,
        model,
        world.prices,
        untranslated=untranslated,
    )
    request.may_translate = request.may_translate or translates
    if not able:
        message = (
            f"The model {model!r} does not exist here, or no account serves it at {endpoint.path}"
        )
        raise _not_found(request, world, message)
    return able


def _not_found(request: OpenRequest, world: World, message: str) -> Refused:
    """The refusal, with what the key may use and is written alike."""
    from functions.relay.stages.models import near_matches

    message += near_matches(request, world.accounts, world.table, world.prices)
    return Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="model"))


def _bound(
    request: OpenRequest, world: World, accounts: list[UsableAccount], model: str
) -> list[UsableAccount]:
    """Those that all levels let serve. Raises `Refused` when there are none."""
    groups = world.table.groups
    for one in request.routing:
        rules = one.policy.routing
        left = [each for each in accounts if rules.barred_by(each, groups) is None]
        if not left:
            rule = rules.barred_by(accounts[0], groups)
            message = (
                f"No account that the {one.level}'s rule {rule} leaves serves the model {model!r}: "
                "ask for another one, or have the rule changed"
            )
            raise _not_found(request, world, message)
        accounts = left
    return accounts


def _priced(
    request: OpenRequest, world: World, accounts: list[UsableAccount], model: str
) -> list[UsableAccount]:
    """Those whose model has a price. Raises `Refused` when there are none."""
    prices = world.prices
    priced = [one for one in accounts if prices.find(one.served_model(model) or model) is not None]
    if not priced:
        message = (
            f"The model {model!r} has no price in price book {prices.version}, and models "
            "without one are refused here: an administrator can give it a price (relayctl prices "
            "import), or have it served and priced later (unpriced_models: quarantine)"
        )
        raise _not_found(request, world, message)
    return priced
