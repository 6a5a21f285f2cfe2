"""Accounts, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from common.domain.account_health import Cause, Circuit, Status
from common.domain.accounts import Provider
from common.domain.money import PICO_PER_USD, pico_from_usd
from functions.key_admin.models import patterns
from functions.key_admin.models.account_credentials import Credential
from functions.key_admin.models.account_options import (
    ExtraHeaders,
    OptionFields,
    Region,
    Tags,
)
from functions.key_admin.models.addresses import BaseUrl, ProxyUrl
from functions.key_admin.models.fields import LEFT_OUT, Future, Glob, Kept, Name, Page, Sent, Time
from functions.key_admin.models.limits import (
    BUDGETS_MAX,
    BudgetFields,
    CalendarFields,
    RateFields,
    each_once,
)

EGRESS = "URL of an http, https or socks5 proxy: the only way out; sealed, as its password is there"


def _as_map(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if not all(isinstance(model, str) for model in value):
        raise ValueError("must be a list of names, or a map from requested to served names")
    return {model: model for model in value}


def _no_glob_served(models: dict[str, str]) -> dict[str, str]:
    for requested, served in models.items():
        if served != requested and any(character in served for character in "*?"):
            raise ValueError(
                f"{requested!r} must be served as one model, not as {served!r}: only the requested "
                "name may be a glob"
            )
    return models


Models = Annotated[
    dict[Glob, Glob],
    Field(max_length=500),
    BeforeValidator(_as_map, json_schema_input_type=dict[Glob, Glob] | list[Glob]),
    AfterValidator(_no_glob_served),
]

Priority = Annotated[
    int,
    Field(ge=0, le=1000, description="smaller is asked first; see Models above, who before that"),
]
Weight = Annotated[
    int, Field(ge=1, le=1000, description="how often it is asked first among those of its priority")
]
Concurrency = Annotated[int, Field(ge=0, le=1_000_000, description="0: no bound")]

Schedulable = Annotated[
    bool,
    Field(
        description="false: it serves only what is pinned to it, such as responses that it keeps"
    ),
]


def _fraction(text: str) -> str:
    if text and not 0 <= pico_from_usd(text) < PICO_PER_USD:
        raise ValueError("must be at least 0 and below 1: 0.15 is 15 % off")
    return "" if text and not pico_from_usd(text) else text


Discount = Annotated[
    str,
    Field(pattern=patterns.DISCOUNT, description="of all prices: 0.15 is 15 % off"),
    AfterValidator(_fraction),
]


class AccountBudget(BudgetFields):
    """At most `usd` in each period: `deny` passes the account by, `soft` only counts."""

    policy: Literal["deny", "soft"] = "deny"


AccountBudgets = Annotated[
    list[AccountBudget], Field(max_length=BUDGETS_MAX), AfterValidator(each_once)
]


class AccountCreate(Sent):
    """A new account. `models` is a list, or a map from requested to served; empty: any model.

    A requested name may be a shell glob: what it matches is served by its own name, or as the one
    model it is mapped to. An exact name counts before globs, of these the longest.
    """

    name: Name
    provider: Provider
    base_url: BaseUrl | None = None
    credential: Credential
    models: Models = Field(default_factory=dict)
    priority: Priority = 50
    weight: Weight = 1
    max_concurrency: Concurrency = 0
    enabled: bool = True
    schedulable: Schedulable = True
    expires_at: Future | None = None
    discount: Discount = ""
    region: Region = ""
    tags: Tags = Field(default_factory=list)
    options: OptionFields = Field(default_factory=OptionFields)
    extra_headers: ExtraHeaders = Field(default_factory=dict)
    egress_proxy: ProxyUrl | None = Field(default=None, repr=False, description=EGRESS)
    limits: RateFields = Field(default_factory=RateFields)
    budgets: AccountBudgets = Field(default_factory=list)
    calendar: CalendarFields = Field(default_factory=CalendarFields)


class AccountPatch(Sent):
    """What is to change; what is left out stays. The provider never changes.

    `null` takes `limits`, `budgets`, `calendar`, `expires_at`, `egress_proxy` away.
    """

    name: Annotated[Name, Kept] = LEFT_OUT
    base_url: Annotated[BaseUrl, Kept] = LEFT_OUT
    credential: Annotated[Credential, Kept] = LEFT_OUT
    models: Annotated[Models, Kept] = LEFT_OUT
    priority: Annotated[Priority, Kept] = LEFT_OUT
    weight: Annotated[Weight, Kept] = LEFT_OUT
    max_concurrency: Annotated[Concurrency, Kept] = LEFT_OUT
    enabled: Annotated[bool, Kept] = LEFT_OUT
    schedulable: Annotated[Schedulable, Kept] = LEFT_OUT
    expires_at: Future | None = None
    discount: Annotated[Discount, Kept] = LEFT_OUT
    region: Annotated[Region, Kept] = LEFT_OUT
    tags: Annotated[Tags, Kept] = LEFT_OUT
    options: Annotated[OptionFields, Kept] = LEFT_OUT
    extra_headers: Annotated[ExtraHeaders, Kept] = LEFT_OUT
    egress_proxy: ProxyUrl | None = Field(default=None, repr=False, description=EGRESS)
    limits: RateFields | None = None
    budgets: AccountBudgets | None = None
    calendar: CalendarFields | None = None


class AccountPage(Page):
    """Which accounts."""

    provider: Provider | None = None


class LimitUse(BaseModel):
    """A limit and what is used of it: counts, or USD as a decimal."""

    limit: str
    most: int | str
    used: int | str
    remaining: int | str
    reserved: int | str | None = None
    policy: str | None = None
    resets_at: str | None


class LastError(BaseModel):
    """The last failure of an account that has not served since, as one relay saw it."""

    at: Time
    reason: str
    status: int | None = Field(description="the provider's, where it answered")
    message: str = Field(description="the provider's own words, cut short, without secrets")
    count: int = Field(description="how many there were in a row")


class HealthFields(BaseModel):
    """What the system observes of an account, beside what an operator decides."""

    status: Status
    circuit: Circuit = Field(description="open: rests; half_open: one request tries it again")
    cause: Cause | None
    since: Time | None
    until: Time | None = Field(description="when it is tried again at the latest")
    last_error: LastError | None


class AccountAnswer(BaseModel):
    """An account without its credential. Built-in ones come from relay's environment: read-only."""

    id: str
    name: str
    provider: Provider
    base_url: str
    credential_key_id: str | None = Field(description="which encryption key seals the credential")
    models: dict[str, str]
    priority: int
    weight: int
    max_concurrency: int
    enabled: bool
    schedulable: bool
    expires_at: Time | None
    discount: str
    region: str
    tags: list[str]
    options: OptionFields
    extra_headers: dict[str, str]
    egress_proxy: str | None = Field(description="without its user and password")
    built_in: bool
    limits: RateFields
    budgets: list[AccountBudget]
    calendar: CalendarFields
    use: list[LimitUse] | None = Field(
        description="what is used and left of each limit; null while Redis cannot be asked"
    )
    health: HealthFields | None = Field(
        default=None, description="null while Redis cannot be asked"
    )
    created_at: Time | None
    updated_at: Time | None


class AccountList(BaseModel):
    """A page: built-in accounts on the first, then the others, newest first."""

    items: list[AccountAnswer]
    next_cursor: str | None
