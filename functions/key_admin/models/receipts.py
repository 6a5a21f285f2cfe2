"""Receipts, and a key's own requests, as answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from common.domain.policies import BudgetPolicy, GonePolicy, Level
from common.domain.receipts import FinishCause
from functions.key_admin.models.fields import Bound, Money, Page, Time
from functions.key_admin.models.usage import Tokens

Outcome = Literal["ok", "error", "cancelled", "interrupted"]


class RequestsQuery(Page):
    """Which of the key's requests: `since` is inclusive, `until` exclusive; a date is UTC's."""

    since: Bound | None = None
    until: Bound | None = None


class OwnRequest(BaseModel):
    """One request of the key; `balance_usd` is its cost with all corrections."""

    request_id: str
    occurred_at: Time
    endpoint: str
    model_requested: str
    model_served: str | None
    status: Outcome
    finish_cause: FinishCause
    tokens: Tokens
    cost_usd: Money
    balance_usd: Money


class OwnRequests(BaseModel):
    """A page of the key's requests, newest first."""

    items: list[OwnRequest]
    next_cursor: str | None


class PriceLine(BaseModel):
    """A line of the arithmetic: `count` times `unit_usd` is `cost_usd`, exactly."""

    token_class: Annotated[
        str, Field(description="a class of `tokens` less what has a line of its own, or `search`")
    ]
    count: int
    unit_usd: Annotated[Money, Field(description="USD for one token, or one search")]
    cost_usd: Money


class Price(BaseModel):
    """What the request was priced by. `version` `unpriced`: its model had no price."""

    version: str
    priced_as: Annotated[str | None, Field(description="the name whose price it is")]
    service_tier: Annotated[str | None, Field(description="as the provider reported it")]
    discount: Annotated[str, Field(description="of the account, taken off the lines' prices")]
    lines: Annotated[
        list[PriceLine] | None,
        Field(description="they add up to `cost_usd`; null in records of versions without them"),
    ]


class LimitShown(BaseModel):
    """A limit or budget that held for the request."""

    level: Level
    limit: str
    most: str
    policy: BudgetPolicy | None


class OutputCap(BaseModel):
    """The cap that was sent to the provider in place of the caller's (null: it had none)."""

    asked: int | None
    sent: int


class ClientGoneShown(BaseModel):
    """What was to become of the stream, had its caller left; `applied`: that is what happened."""

    policy: GonePolicy
    drain_seconds: Annotated[int | None, Field(description="of `drain`")]
    level: Annotated[Level | None, Field(description="which one says so; null: the default")]
    applied: bool


class PolicyApplied(BaseModel):
    """What held for the request when it was admitted."""

    limits: list[LimitShown]
    reserved_usd: Annotated[Money | None, Field(description="held for its worst case")]
    output_cap: OutputCap | None
    client_gone: ClientGoneShown


class Adjustment(BaseModel):
    """A correction: differences to what stood before, and the cost after it."""

    id: str
    occurred_at: Time
    status: Outcome
    finish_cause: FinishCause
    finish_detail: Annotated[str, Field(description="the ledger's own word, such as `repriced`")]
    reported_usage: dict[str, Any] | None
    tokens: Tokens
    price_version: str
    cost_usd: Money
    balance_usd: Money


class Receipt(BaseModel):
    """What a request used, what that cost, and why. Never what was asked or answered."""

    object: Literal["receipt"] = "receipt"
    request_id: str
    occurred_at: Time
    endpoint: str
    dialect: str
    provider: str
    model_requested: str
    model_served: str | None
    status: Outcome
    finish_cause: FinishCause
    finish_detail: Annotated[str, Field(description="the ledger's own word")]
    error_code: str | None
    attempts: Annotated[int, Field(description="accounts that were asked")]
    cache_hit: Annotated[
        bool, Field(description="answered by the response cache: nobody was asked, nothing used")
    ]
    latency_ms: int | None
    first_token_ms: int | None
    usage_source: Literal["reported", "estimated"]
    reported_usage: Annotated[
        dict[str, Any] | None,
        Field(description="the provider's own object: figures and short names of it"),
    ]
    tokens: Tokens
    price: Price
    cost_usd: Money
    adjustments: list[Adjustment]
    balance_usd: Annotated[Money, Field(description="the cost with all adjustments")]
    price_multiplier: Annotated[str, Field(description="of the team")]
    rated_usd: Annotated[Money, Field(description="the balance times `price_multiplier`s")]
    policy: PolicyApplied
    tags: list[str]


class AdminReceipt(Receipt):
    """A receipt, and whose request it was."""

    key_id: str
    user_id: str
    team_id: str | None
    account_id: str


class Pending(BaseModel):
    """The request is open, or settled and on its way into the ledger: ask again."""

    object: Literal["receipt"] = "receipt"
    request_id: str
    status: Literal["pending"] = "pending"
