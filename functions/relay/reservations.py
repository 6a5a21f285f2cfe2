"""What a request reserves: candidates with their worst cases, and what the admitted one holds."""

import msgspec

from common.dialects import BOUNDS, CAPS
from common.dialects.bounds import Unreadable
from common.domain.admission import Candidate
from common.domain.prices import ModelPrice
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.reservation import Bound, Charge, charge_of
from functions.relay.open_request import OpenRequest
from functions.relay.records import draft_for
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount

_encoder = msgspec.msgpack.Encoder()


def candidate_for(services: Services, request: OpenRequest, account: UsableAccount) -> Candidate:
    """The account with its draft, and what it may cost where any rule applies."""
    draft = draft_for(services.prices, request, account)
    charge = b""
    if request.rules.packed:
        worst = _charge(services, request, account)
        charge = _encoder.encode(
            msgspec.structs.replace(worst, draft_tokens=draft.tokens, draft_nano=draft.nano)
        )
    return Candidate(account.id, account.max_concurrency, draft.record, charge)


def bounded(
    services: Services, request: OpenRequest, accounts: list[UsableAccount]
) -> list[UsableAccount]:
    """The accounts whose cost a hard budget can bound. Raises `Refused` when there are none."""
    if not request.rules.hard_money:
        return accounts
    bound = _bound(request)
    if bound.unbounded is not None:
        message = (
            f"{bound.unbounded} has no bound on what it may cost, and a hard budget applies to "
            "this API key: leave it out, or ask for a budget whose policy is 'soft'"
        )
        field = bound.unbounded.partition(" ")[0]
        raise Refused(Refusal(Reason.UNBOUNDED, message, field=field))
    priced = [one for one in accounts if bound.free or _price(services, request, one) is not None]
    if accounts and not priced:
        model = request.parsed.model if request.parsed is not None else ""
        message = (
            f"The model {model!r} has no price in price book {services.prices.version}, and a "
            "hard budget applies to this API key"
        )
        raise Refused(Refusal(Reason.UNBOUNDED, message, field="model"))
    return priced


def take(services: Services, request: OpenRequest, account: UsableAccount, cap: int | None) -> None:
    """The request holds this account, with that output cap."""
    request.account = account
    request.output_cap = None
    if not request.rules.packed:
        return
    charge = _charge(services, request, account)
    request.reserved_nano = charge.worst_nano(-1 if cap is None else cap)
    if request.rules.hard_money and cap is not None:
        request.output_bound = cap * _bound(request).choices
        if request.parsed is not None and cap != request.parsed.max_output_tokens:
            request.output_cap = cap


def with_cap(request: OpenRequest, body: bytes, provider: str) -> bytes:
    """The body with the output cap that was reserved for, where the caller's is another."""
    if request.output_cap is None or request.endpoint is None:
        return body
    return CAPS[request.endpoint.name](body, request.output_cap, provider)


def _charge(services: Services, request: OpenRequest, account: UsableAccount) -> Charge:
    price = _price(services, request, account)
    if price is None or not request.rules.money or request.parsed is None:
        return Charge(0, 0, -1, 0)
    return charge_of(price, _bound(request), request.parsed.max_output_tokens)


def _price(services: Services, request: OpenRequest, account: UsableAccount) -> ModelPrice | None:
    if request.parsed is None:
        raise ValueError("only a parsed request has a price")
    model = request.parsed.model
    return services.prices.find(account.served_model(model) or model)


def _bound(request: OpenRequest) -> Bound:
    """Read once, and only where money is limited."""
    if request.bound is None:
        name = request.endpoint.name if request.endpoint is not None else ""
        read = BOUNDS.get(name)
        request.bound = Bound(input_tokens=None, unbounded=name)
        if read is not None:
            try:
                request.bound = read(request.body)
            except Unreadable:
                request.bound = Bound(input_tokens=None, unbounded="body")
    return request.bound
