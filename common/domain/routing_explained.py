"""Why an account would serve a request, or would not: the rules of routing, said in words. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal

import msgspec

from common.domain.accounts import AccountRecord, tier_of
from common.domain.policies import Applied


class Load(msgspec.Struct, frozen=True):
    """What admission knows of an account: open requests, how long it rests still."""

    open: int = 0
    rests_ms: int = 0


class Considered(msgspec.Struct, frozen=True):
    """An account in its place. `left_out` says why it may not serve, '' when it may.

    `tier` counts from 0; of one tier the least loaded for its weight is taken.
    """

    account: AccountRecord
    model: str
    served: str
    tier: int
    load: Load
    left_out: str = ""

    @property
    def state(self) -> Literal["ready", "cooling", "full"]:
        """`ready`, `cooling` or `full`."""
        if self.load.rests_ms > 0:
            return "cooling"
        most = self.account.most_open
        return "full" if most and self.load.open >= most else "ready"

    @property
    def why(self) -> str:
        """Its place, in words."""
        named = "names the model" if self.account.models else "serves any model"
        return f"{named}, priority {self.account.priority}, weight {self.account.weight}"


def consider(
    accounts: Iterable[AccountRecord],
    model: str,
    rules: Collection[Applied],
    groups: Mapping[str, Collection[str]],
    loads: Mapping[str, Load],
    answers: Callable[[AccountRecord, str], bool],
    *,
    request_id: str,
    first_tier: int = 0,
) -> list[Considered]:
    """All accounts for one model: those that may serve in the order of asking, then the others.

    `answers` says whether an account's provider can be asked at the endpoint;
    `request_id` is one that is made now.
    """
    able: list[tuple[AccountRecord, str]] = []
    others: list[Considered] = []
    for account in accounts:
        served = account.served_model(model)
        why = _left_out(account, model, rules, groups, answers, request_id)
        if why or served is None:
            load = loads.get(account.id, Load())
            others.append(Considered(account, model, served or "", -1, load, why))
        else:
            able.append((account, served))
    tiers = sorted({tier_of(account) for account, _ in able})
    found = [
        Considered(
            account,
            model,
            served,
            first_tier + tiers.index(tier_of(account)),
            loads.get(account.id, Load()),
        )
        for account, served in able
    ]
    found.sort(key=lambda one: (one.tier, one.load.open / one.account.weight, one.account.name))
    return found + others


def _left_out(
    account: AccountRecord,
    model: str,
    rules: Collection[Applied],
    groups: Mapping[str, Collection[str]],
    answers: Callable[[AccountRecord, str], bool],
    request_id: str,
) -> str:
    if not account.may_serve(request_id):
        if not account.enabled:
            return "it is disabled"
        return "it has ended" if account.schedulable else "it takes no new requests"
    if account.served_model(model) is None:
        return "its models do not name it"
    if not answers(account, model):
        if not account.models:
            # An account without a list may still be asked there for what is its provider's own.
            return f"{account.provider} is not asked for this model at this endpoint"
        return f"{account.provider} is not asked at this endpoint"
    for one in rules:
        rule = one.policy.routing.barred_by(account, groups)
        if rule is not None:
            return f"the {one.level}'s rule {rule} leaves it out"
    return ""
