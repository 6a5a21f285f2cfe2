"""What a request reserves: candidates with their worst cases, and what the admitted one holds."""

import msgspec

from common.domain.admission import Candidate
from common.domain.ids import ulid_time_ms
from common.domain.limits import RuleSet, joined
from common.domain.model_prices import ModelPrice
from common.domain.policies import NO_POLICY
from common.domain.prices import PriceBook
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.reservation import Bound, Charge, charge_of
from common.providers.base import own_target
from common.providers.targets import target_of
from functions.relay.open_request import OpenRequest
from functions.relay.records import draft_for
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount

_encoder = msgspec.msgpack.Encoder()


def candidate_for(services: Services, request: OpenRequest, account: UsableAccount) -> Candidate:
    """The account with its draft, and what it may cost where any rule applies."""
    draft = draft_for(prices_of(services, request), request, account)
    weight = services.latencies.weight_of(account, _served(request, account))
    if not request.counted:
        return Candidate(
            account.id, account.max_concurrency, draft.record, tier=account.tier, weight=weight
        )
    rules = rules_of(services, request, account)
    worst = _charge(services, request, account, rules)
    charge = _encoder.encode(
        msgspec.structs.replace(worst, draft_tokens=draft.tokens, draft_nano=draft.nano)
    )
    return Candidate(
        account.id, account.most_open, draft.record, charge, rules.packed, account.tier, weight
    )


def rules_of(services: Services, request: OpenRequest, account: UsableAccount) -> RuleSet:
    """The account's own limits and budgets at the time of the request."""
    return services.snapshots.rules_of(account, ulid_time_ms(request.id))


def bounded(
    services: Services, request: OpenRequest, accounts: list[UsableAccount]
) -> list[UsableAccount]:
    """The accounts whose cost hard budgets can bound: the key's, and their own.

    Notes whether anything is counted. Raises `Refused` when there are none.
    """
    limited = [one for one in accounts if one.policy is not NO_POLICY]
    request.counted = bool(request.rules.packed or limited)
    hard = {one.id for one in limited if rules_of(services, request, one).hard_money}
    if not request.rules.hard_money and not hard:
        return accounts
    whose = "a hard budget applies to this API key"
    if request.rules.hard_money:
        hard = {one.id for one in accounts}
    else:
        whose = "every account that serves it has a hard budget"
    # Not by the account's id: one that serves a fallback model, too, is a candidate twice.
    finite = [
        one for one in accounts if one.id not in hard or _bound(request, one).unbounded is None
    ]
    if accounts and not finite:
        unbounded = _bound(request, accounts[0]).unbounded or ""
        message = (
            f"{unbounded} has no bound on what it may cost, and {whose}: leave it out, or "
            "ask for a budget whose policy is 'soft'"
        )
        field = unbounded.partition(" ")[0]
        raise Refused(Refusal(Reason.UNBOUNDED, message, field=field))
    priced = [
        one
        for one in finite
        if one.id not in hard
        or _bound(request, one).free
        or _price(services, request, one) is not None
    ]
    if accounts and not priced:
        model = request.parsed.model if request.parsed is not None else ""
        message = (
            f"The model {model!r} has no price in price book {prices_of(services, request).version}"
            f"{_tier_named(_bound(request, finite[0]))}, and {whose}"
        )
        raise Refused(Refusal(Reason.UNBOUNDED, message, field="model"))
    return priced


def prices_of(services: Services, request: OpenRequest) -> PriceBook:
    """The book that was current when the request was admitted: its bound was made with that."""
    return request.prices or services.prices


def take(services: Services, request: OpenRequest, account: UsableAccount, cap: int | None) -> None:
    """The request holds this account, with that output cap."""
    request.account = account
    request.output_cap = None
    if not request.counted:
        return
    request.account_rules = rules_of(services, request, account)
    charge = _charge(services, request, account, request.account_rules)
    request.reserved_nano = charge.worst_nano(-1 if cap is None else cap)
    request.reserved_cap = cap if request.is_bounded else None
    if request.is_bounded and cap is not None:
        request.output_bound = cap * _bound(request, account).choices
        if request.parsed is not None and cap != request.parsed.max_output_tokens:
            request.output_cap = cap


def held_rules(request: OpenRequest) -> bytes:
    """All that the request is counted by, packed."""
    return joined(request.rules.packed, request.account_rules.packed)


def with_cap(request: OpenRequest, body: bytes, provider: str) -> bytes:
    """The body with the output cap that was reserved for, where the caller's is another."""
    if request.output_cap is None or request.endpoint is None:
        return body
    from common.dialects.worst_cases import CAPS

    return CAPS[request.endpoint.name](body, request.output_cap, provider)


def _charge(
    services: Services, request: OpenRequest, account: UsableAccount, rules: RuleSet
) -> Charge:
    if not (request.rules.money or rules.money) or request.parsed is None:
        return Charge(0, 0, -1, 0)
    price = _price(services, request, account)
    if price is None:
        return Charge(0, 0, -1, 0)
    return charge_of(price, _bound(request, account), request.parsed.max_output_tokens)


def _price(services: Services, request: OpenRequest, account: UsableAccount) -> ModelPrice | None:
    if request.parsed is None:
        raise ValueError("only a parsed request has a price")
    served = account.served_model(request.parsed.model) or request.parsed.model
    price = prices_of(services, request).price_of(served, account.discount)
    if price is None or price.at_tier(_bound(request, account).tier) is None:
        return None
    return price


def _served(request: OpenRequest, account: UsableAccount) -> str:
    model = request.parsed.model if request.parsed is not None else ""
    return account.served_model(model) or model


def _tier_named(bound: Bound) -> str:
    return "" if bound.tier == "standard" else f" at the service tier {bound.tier!r}"


def _bound(request: OpenRequest, account: UsableAccount) -> Bound:
    """Read once for each format, of what the account is to be sent; only where money is limited."""
    model = request.parsed.model if request.parsed is not None else ""
    name = request.endpoint.name if request.endpoint is not None else ""
    target = target_of(account, name, model)
    if target is None or target == own_target(name):
        return _own_bound(request)
    from functions.relay.translating import translation_of

    return translation_of(request, target).bound(account.served_model(model) or model)


def _own_bound(request: OpenRequest) -> Bound:
    if request.bound is None:
        from common.dialects.bounds import Unreadable
        from common.dialects.worst_cases import BOUNDS

        name = request.endpoint.name if request.endpoint is not None else ""
        read = BOUNDS.get(name)
        request.bound = Bound(input_tokens=None, unbounded=name)
        if read is not None:
            try:
                request.bound = read(request.body)
            except Unreadable:
                request.bound = Bound(input_tokens=None, unbounded="body")
    return request.bound
