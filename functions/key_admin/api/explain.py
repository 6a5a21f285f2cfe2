"""`/internal/routing/explain`: which accounts a request would take at this moment, and why."""

import msgspec
from starlette.responses import Response

from common.domain.fallbacks import fallbacks_at, lacking
from common.domain.roles import READ
from common.domain.routing_explained import (
    Considered,
    Judging,
    RuleTried,
    consider,
    handed_over,
    tried,
)
from common.domain.routing_points import Point, out, speaks_for
from common.model_catalogue import entry_of
from functions.key_admin.account_answers import time_of
from functions.key_admin.explaining import Known, known
from functions.key_admin.models.explained import (
    AccountExplained,
    ExplainAnswer,
    ExplainQuery,
    FallbackExplained,
    PointShown,
    RuleExplained,
    WayExplained,
)
from functions.key_admin.models.routing import shown_rules
from functions.key_admin.operation import Call, Operation, answered

PATH = "/internal/routing/explain"


class _Way(msgspec.Struct):
    """A model that the request may stand for, and where that leads."""

    model: str
    share: float
    refused: Point | None
    lacking: Point | None
    fallbacks: list[FallbackExplained]
    accounts: list[Considered]


async def explain(call: Call) -> Response:
    """The accounts: those that may serve in the order of asking, then the others, and why not.

    By the rules that `relay` asks, with the loads, cooldowns and limits of this moment. How slow an
    account is each relay knows by itself, so it counts nothing here.
    """
    query = call.sent(ExplainQuery)
    async with call.services.database.transaction() as connection:
        now = await known(call, connection, query)
    rules = now.table.aliases.get(query.model)
    alias = None if rules is None else tried(rules, now.asking)
    weights = {query.model: 1}
    if alias is not None:
        weights = next((dict(one.rule.models) for one in alias if one.is_taken), {})
    judging, total = now.judging(), sum(weights.values())
    ways = [
        _way(now, judging, model, weight / total)
        for model, weight in sorted(weights.items(), key=lambda one: (-one[1], one[0]))
    ]
    refusals = now.refusals() + ([] if ways else [out("no_rule")])
    return answered(
        ExplainAnswer(
            model=query.model,
            models=[one.model for one in ways],
            refused=_refused(refusals, ways),
            refusals=[_point(one) for one in refusals],
            alias=None if alias is None else [_rule(one) for one in alias],
            tags=now.tags,
            sticky_account_id=now.sticky,
            ways=[_way_shown(one) for one in ways],
            accounts=[_explained(one, way) for way in ways for one in way.accounts],
        )
    )


def _way(now: Known, judging: Judging, model: str, share: float) -> _Way:
    asked = now.query.model
    denied = now.denied(model, None if asked == model else asked)
    if denied is not None:
        return _Way(model, share, denied, None, [], [])
    own = consider(now.accounts, model, judging)
    tiers = 1 + max((one.tier for one in own if not one.left_out), default=-1)
    instead: list[Considered] = []
    fallbacks: list[FallbackExplained] = []
    found = fallbacks_at(now.applied, asked, model)
    for name in () if found is None else found[1]:
        level = "" if found is None else found[0].level
        left_out = out("itself", model=name) if name == model else now.denied(name)
        left_out = left_out or _lacking(now, name)
        if left_out is None:
            point = speaks_for("fallback", model=name, level=level)
            others = consider(now.accounts, name, judging, first_tier=tiers, standing_in=point)
            tiers = 1 + max((one.tier for one in others if not one.left_out), default=tiers - 1)
            instead += others
            left_out = out("nobody") if all(one.left_out for one in others) else None
        shown = None if left_out is None else _point(left_out)
        fallbacks.append(FallbackExplained(model=name, level=level, left_out=shown))
    # Where nobody serves the model itself it is refused, whatever might stand in.
    nobody = all(one.left_out for one in own)
    accounts = own if nobody else handed_over(own, instead)
    refused = out("nobody") if nobody else None
    return _Way(model, share, refused, _lacking(now, model), fallbacks, accounts)


def _lacking(now: Known, model: str) -> Point | None:
    asking, query = now.asking, now.query
    entry = entry_of(now.table.models, model)
    code = lacking(entry, asking.input_tokens, asking.content)
    return None if code is None else out(code, model=model, tokens=query.input_tokens)


def _refused(refusals: list[Point], ways: list[_Way]) -> str | None:
    if refusals:
        return refusals[0].text
    if all(one.refused is not None for one in ways):
        return next(one.refused.text for one in ways if one.refused is not None)
    return None


def _point(one: Point) -> PointShown:
    return PointShown(code=one.code, speaks=one.speaks, text=one.text, values=one.values)


def _rule(one: RuleTried) -> RuleExplained:
    rule = shown_rules([msgspec.to_builtins(one.rule)])[0]
    return RuleExplained(rule=rule, taken=one.is_taken, unmet=one.unmet)


def _way_shown(one: _Way) -> WayExplained:
    return WayExplained(
        model=one.model,
        share=one.share,
        refused=None if one.refused is None else _point(one.refused),
        lacking=None if one.lacking is None else _point(one.lacking),
        fallbacks=one.fallbacks,
    )


def _explained(one: Considered, way: _Way) -> AccountExplained:
    account, load = one.account, one.load
    return AccountExplained(
        account_id=account.id,
        name=account.name,
        provider=account.provider,
        region=account.region,
        stands_for=way.model,
        model=one.model,
        fallback=one.is_fallback,
        served_model=one.served,
        tier=None if one.left_out else one.tier,
        priority=account.priority,
        weight=account.weight,
        open_requests=load.open,
        most_open=account.most_open,
        state=one.state,
        rests_ms=load.rests_ms,
        rests_until=time_of(load.rests_until_ms) if load.rests_ms else None,
        share=way.share * one.share,
        why=one.left_out or one.why,
        points=[_point(each) for each in one.points],
    )


OPERATIONS = (
    Operation("GET", PATH, explain, "Explain which accounts a request would take", "Routing",
              may=READ,
              answer=ExplainAnswer, query=ExplainQuery, refusals=(404,)),
)  # fmt: skip
