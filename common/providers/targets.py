"""Which accounts can serve a request, whatever dialect it is written in. Pure."""

from collections.abc import Iterable
from typing import TypeVar

from common.domain.credentials import UsableAccount
from common.domain.prices import PriceBook
from common.providers import PROVIDERS
from common.providers.base import own_target

Account = TypeVar("Account", bound=UsableAccount)

# Providers that serve none but their own models, unless an operator lists them on the account.
_OWN_MODELS_ONLY = frozenset({"openai", "anthropic", "gemini"})


def target_of(account: UsableAccount, endpoint: str, model: str) -> str | None:
    """In which format the account is asked; None when it has not the model or the endpoint."""
    served = account.served_model(model)
    if served is None:
        return None
    return PROVIDERS[account.provider].target(account, endpoint, served)


def able(
    accounts: Iterable[Account],
    endpoint: str,
    model: str,
    prices: PriceBook,
    *,
    untranslated: bool = False,
) -> tuple[list[Account], bool]:
    """Those that have the model, and are asked for the endpoint in any format, in their order.

    And whether any of them is asked in another format than the caller's.

    An account without a list of models is asked in another format than the caller's only for what
    the price book knows as its provider's; and where that is so, no account without a list is asked
    whose provider would only answer that it has no such model. `untranslated` leaves only accounts
    that take the caller's bytes as they are: what a provider keeps means something to it alone.
    """
    own = own_target(endpoint)
    found: list[Account] = []
    translates = known = False
    for account in accounts:
        served = account.served_model(model)
        if served is None:
            continue
        target = PROVIDERS[account.provider].target(account, endpoint, served)
        if target != own:
            if target is None or untranslated:
                continue
            if not account.models:
                if not prices.knows(account.provider, model):
                    continue
                known = True
            translates = True
        found.append(account)
    if known:
        found = [
            one
            for one in found
            if one.models
            or one.provider not in _OWN_MODELS_ONLY
            or prices.knows(one.provider, model)
        ]
    return found, translates
