"""Route: from the snapshot to an ordered list of accounts that may serve. Pure."""

from common.domain.accounts import DIALECT_OF_PROVIDER, order_of
from common.domain.prices import PriceBook
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.access import check_access, check_model

CANDIDATES_MAX = 8


def route(
    request: OpenRequest, accounts: list[UsableAccount], prices: PriceBook, *, deny_unpriced: bool
) -> list[UsableAccount]:
    """At most eight accounts, best first. Raises `Refused` when key or model forbid it."""
    parsed, endpoint = request.parsed, request.endpoint
    if parsed is None or endpoint is None:
        raise ValueError("key, body and endpoint come before the route")
    check_access(request)
    check_model(request, parsed.model)
    able = [
        account
        for account in accounts
        if account.may_serve(request.id, pinned=request.pinned_account_id == account.id)
        and DIALECT_OF_PROVIDER[account.provider] == endpoint.dialect
        and account.served_model(parsed.model) is not None
        and request.pinned_account_id in (None, account.id)
    ]
    if not able:
        message = (
            f"The model {parsed.model!r} does not exist here, or no account serves it "
            f"at {endpoint.path}"
        )
        raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="model"))
    if deny_unpriced:
        able = [one for one in able if prices.find(_served(one, parsed.model)) is not None]
    if not able:
        message = (
            f"The model {parsed.model!r} has no price in price book {prices.version}, and models "
            "without one are refused here: an administrator can give it a price (relayctl prices "
            "import), or have it served and priced later (unpriced_models: quarantine)"
        )
        raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="model"))
    able.sort(key=lambda account: order_of(account, request.id))
    return able[:CANDIDATES_MAX]


def _served(account: UsableAccount, model: str) -> str:
    return account.served_model(model) or model
