"""What a model costs at an account: the price book's price, less the account's own discount."""

from common.domain.accounts import AccountRecord
from common.domain.model_prices import ModelPrice
from common.domain.prices import PriceBook


def price_at(prices: PriceBook, account: AccountRecord, model: str) -> ModelPrice | None:
    """The price of the model that the account serves for a requested one; None without any."""
    price = prices.find(account.served_model(model) or model)
    return price.discounted(account.discount) if price is not None else None
