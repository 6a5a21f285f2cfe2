"""Why an account would serve a request, or would not: the rules of routing, said in words. Pure.

What decides are the functions that `relay` asks, too: here they are asked one by one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from common.domain.accounts import AccountRecord, tier_of
from common.domain.limit_figures import written
from common.domain.policies import Applied
from common.domain.routing import CANDIDATES_MAX, FALLBACKS_MAX, RoutingRule
from common.domain.routing_points import Point, against, out, speaks_for
from common.domain.routing_table import AliasRule, Asking, When, holds

State = Literal["ready", "cooling", "full", "limited", "left_out"]


class Load(msgspec.Struct, frozen=True):
    """What admission knows of an account: open requests, until when it rests, a limit used up.

    `rests_until_ms` is in ms since 1970, and matters while `rests_ms` are left.
    """

    open: int = 0
    rests_ms: int = 0
    rests_until_ms: int = 0
    used_up: str = ""


class Judging(msgspec.Struct, frozen=True):
    """By what accounts are judged: a request's rules, and what is known at this moment.

    `unable` says why an account's provider cannot be asked for a model, `unpriced` why the price
    book forbids what it would serve. `request_id` is one that is made now, `sticky` the account
    that served the conversation last.
    """

    rules: Sequence[Applied]
    groups: Mapping[str, Collection[str]]
    loads: Mapping[str, Load]
    request_id: str
    unable: Callable[[AccountRecord, str], Point | None]
    unpriced: Callable[[str], Point | None] = lambda _: None
    sticky: str | None = None


class Considered(msgspec.Struct, frozen=True):
    """An account in its place, with what speaks for and against it.

    `tier` counts from 0; of one tier the least loaded for its weight is taken. `share` is the part
    of requests like this that it would get at this moment, from 0 to 1.
    """

    account: AccountRecord
    model: str
    served: str
    tier: int
    load: Load
    points: tuple[Point, ...]
    is_fallback: bool = False
    is_sticky: bool = False
    share: float = 0.0

    @property
    def left_out(self) -> str:
        """Why it may not serve, whatever happens; '' when it may."""
        return next((one.text for one in self.points if one.speaks == "out"), "")

    @property
    def state(self) -> State:
        """How it is at this moment."""
        if self.left_out:
            return "left_out"
        if self.load.rests_ms > 0:
            return "cooling"
        if self.load.used_up:
            return "limited"
        most = self.account.most_open
        return "full" if most and self.load.open >= most else "ready"

    @property
    def why(self) -> str:
        """Its place, in words."""
        named = "names the model" if self.account.models else "serves any model"
        return f"{named}, priority {self.account.priority}, weight {self.account.weight}"

    @property
    def relative_load(self) -> float:
        """Open requests for its weight."""
        return self.load.open / self.account.weight


def consider(
    accounts: Iterable[AccountRecord],
    model: str,
    judging: Judging,
    *,
    first_tier: int = 0,
    standing_in: Point | None = None,
) -> list[Considered]:
    """All accounts for one model: those that may serve in the order of asking, then the others.

    `standing_in`: the model is a fallback, by that point.
    """
    first = () if standing_in is None else (standing_in,)
    found: list[Considered] = []
    for account in accounts:
        served = account.served_model(model)
        load = judging.loads.get(account.id, Load())
        points = (*first, *_left_out(account, model, judging))
        sticky = judging.sticky == account.id and standing_in is None
        if not any(one.speaks == "out" for one in points):
            points += _now(account, load) + _place(account, judging, load, sticky=sticky)
        found.append(
            Considered(
                account, model, served or "", 0, load, points, standing_in is not None, sticky
            )
        )
    able = [one for one in found if not one.left_out]
    tiers = sorted({tier_of(one.account) for one in able})
    able = [
        msgspec.structs.replace(one, tier=first_tier + tiers.index(tier_of(one.account)))
        for one in able
    ]
    able.sort(key=lambda one: (not one.is_sticky, one.tier, one.relative_load, one.account.name))
    return able + [one for one in found if one.left_out]


def _left_out(account: AccountRecord, model: str, judging: Judging) -> tuple[Point, ...]:
    points: list[Point | None] = []
    if not account.may_serve(judging.request_id):
        if not account.enabled:
            points.append(out("disabled"))
        else:
            points.append(out("ended" if account.schedulable else "drained"))
    served = account.served_model(model)
    if served is None:
        points.append(out("not_named"))
    else:
        points += [judging.unable(account, model), judging.unpriced(served)]
    for one in judging.rules:
        rule = one.policy.routing.barred_by(account, judging.groups)
        if rule is not None:
            points.append(_barred(account, one, rule))
    return tuple(one for one in points if one is not None)


def _barred(account: AccountRecord, one: Applied, rule: RoutingRule) -> Point:
    if rule != "regions":
        return out(rule, level=one.level)
    if not account.region:
        return out("no_region", level=one.level)
    return out(rule, level=one.level, region=account.region)


def _now(account: AccountRecord, load: Load) -> tuple[Point, ...]:
    points = []
    if load.rests_ms > 0:
        points.append(against("cooling", until=written(load.rests_until_ms) or ""))
    if load.used_up:
        points.append(against("limited", limit=load.used_up))
    if account.most_open and load.open >= account.most_open:
        points.append(against("full", open=load.open))
    return tuple(points)


def _place(
    account: AccountRecord, judging: Judging, load: Load, *, sticky: bool
) -> tuple[Point, ...]:
    points = [speaks_for("sticky")] if sticky else []
    points.append(speaks_for("named") if account.models else against("any_model"))
    points.append(speaks_for("priority", priority=account.priority))
    points.append(speaks_for("weight", open=load.open, weight=account.weight))
    if any(one.policy.routing.regions for one in judging.rules):
        points.append(speaks_for("in_region", region=account.region))
    return tuple(points)


def handed_over(own: list[Considered], instead: list[Considered]) -> list[Considered]:
    """All of a model and of those that stand in for it; admission is handed eight at most."""
    able = sum(not one.left_out for one in instead)
    most = CANDIDATES_MAX - min(able, FALLBACKS_MAX)
    found = _within(own, most)
    used = min(sum(not one.left_out for one in found), most)
    found += _within(instead, CANDIDATES_MAX - used)
    return _with_shares(found)


def _within(found: list[Considered], most: int) -> list[Considered]:
    able = [one for one in found if not one.left_out]
    result = []
    for one in found:
        points = one.points
        before = sum(other.tier < one.tier for other in able)
        count = before + sum(other.tier == one.tier for other in able)
        if one.left_out:
            pass
        elif before >= most:
            points = (out("beyond", most=most), *points)
        elif count > most:
            points = (against("crowded", count=count, most=most), *points)
        result.append(msgspec.structs.replace(one, points=points))
    return sorted(result, key=lambda one: bool(one.left_out))


def _with_shares(found: list[Considered]) -> list[Considered]:
    """What each would get: all of the conversation's own; else of the first tier that is ready."""
    ready = [one for one in found if one.state == "ready"]
    taken = [one for one in ready if one.is_sticky][:1]
    if not taken and ready:
        tier = min(one.tier for one in ready)
        alike = [one for one in ready if one.tier == tier]
        least = min(one.relative_load for one in alike)
        taken = [one for one in alike if one.relative_load == least]
    weights = sum(one.account.weight for one in taken)
    return [
        msgspec.structs.replace(one, share=one.account.weight / weights)
        if any(one is other for other in taken)
        else one
        for one in found
    ]


class RuleTried(msgspec.Struct, frozen=True):
    """A rule of an alias in a request: which of its conditions does not hold; None: all do.

    After one that holds no other is tried.
    """

    rule: AliasRule
    unmet: str | None
    is_tried: bool

    @property
    def is_taken(self) -> bool:
        """Whether it says what the alias stands for."""
        return self.is_tried and self.unmet is None


def tried(rules: Sequence[AliasRule], asking: Asking) -> list[RuleTried]:
    """The rules of an alias, in order, as `target_of` tries them."""
    found: list[RuleTried] = []
    for rule in rules:
        open_ = not any(one.is_taken for one in found)
        found.append(RuleTried(rule, _unmet(rule.when, asking) if open_ else None, open_))
    return found


def _unmet(when: When, asking: Asking) -> str | None:
    """The first member of a condition that does not hold by itself."""
    for name in When.__struct_fields__:
        if not holds(When(**{name: getattr(when, name)}), asking):
            return name
    return None
