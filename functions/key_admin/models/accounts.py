"""Accounts, as sent and as answered."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from common.domain.money import PICO_PER_USD, pico_from_usd
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import LEFT_OUT, Glob, Kept, Name, Page, Sent, Time
from functions.key_admin.models.limits import (
    BUDGETS_MAX,
    BudgetFields,
    CalendarFields,
    RateFields,
    each_once,
)

DEFAULT_BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
}
Provider = Literal["openai", "anthropic", "openai_compatible"]


# Where machines in clouds are told their own credentials, besides the link-local addresses: AWS,
# Alibaba, Oracle; names of Google's and AWS's.
_METADATA_NETWORKS = (
    ip_network("fd00:ec2::/32"),
    ip_network("100.100.100.200"),
    ip_network("192.0.0.192"),
)
_METADATA_HOSTS = {
    *("metadata", "metadata.google.internal", "metadata.goog"),
    *("instance-data", "instance-data.ec2.internal"),
}


def _is_metadata(host: str) -> bool:
    """Whether a host is a cloud's metadata service, by its name or address as it is written.

    Loopback and private addresses are none: vLLM and Ollama have such.
    """
    host = host.rstrip(".").lower()
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(inet_aton(host))  # short, decimal, octal and hexadecimal forms
        except OSError:
            return host in _METADATA_HOSTS
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # without its zone
    return address.is_link_local or any(address in network for network in _METADATA_NETWORKS)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http address, e.g. https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, password, query or fragment")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be written in printable ASCII without blanks")
    if "%" in parts.hostname and ":" not in parts.hostname:
        raise ValueError("must have no percent-encoded host")
    if _is_metadata(parts.hostname):
        raise ValueError("must not be a link-local address or a cloud's metadata service")
    return text.rstrip("/")


def _header_safe(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without blanks, as the provider issued it")
    return text


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


BaseUrl = Annotated[str, Field(max_length=500), AfterValidator(_address)]
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


def _fraction(text: str) -> str:
    if text and not 0 <= pico_from_usd(text) < PICO_PER_USD:
        raise ValueError("must be at least 0 and below 1: 0.15 is 15 % off")
    return "" if text and not pico_from_usd(text) else text


Discount = Annotated[
    str,
    Field(pattern=patterns.DISCOUNT, description="of all prices: 0.15 is 15 % off"),
    AfterValidator(_fraction),
]


class Credential(Sent):
    """An official API credential. Sealed at once, never shown again."""

    api_key: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_header_safe)] = (
        Field(repr=False)
    )


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
    discount: Discount = ""
    limits: RateFields = Field(default_factory=RateFields)
    budgets: AccountBudgets = Field(default_factory=list)
    calendar: CalendarFields = Field(default_factory=CalendarFields)

    @model_validator(mode="after")
    def _has_an_address(self) -> "AccountCreate":
        if self.base_url is None and self.provider not in DEFAULT_BASE_URLS:
            raise ValueError(f"base_url is required for the provider {self.provider}")
        return self


class AccountPatch(Sent):
    """What is to change; what is left out stays. The provider never changes.

    `null` takes `limits`, `budgets`, `calendar` away.
    """

    name: Annotated[Name, Kept] = LEFT_OUT
    base_url: Annotated[BaseUrl, Kept] = LEFT_OUT
    credential: Annotated[Credential, Kept] = LEFT_OUT
    models: Annotated[Models, Kept] = LEFT_OUT
    priority: Annotated[Priority, Kept] = LEFT_OUT
    weight: Annotated[Weight, Kept] = LEFT_OUT
    max_concurrency: Annotated[Concurrency, Kept] = LEFT_OUT
    enabled: Annotated[bool, Kept] = LEFT_OUT
    discount: Annotated[Discount, Kept] = LEFT_OUT
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
    discount: str
    built_in: bool
    limits: RateFields
    budgets: list[AccountBudget]
    calendar: CalendarFields
    use: list[LimitUse] | None = Field(
        description="what is used and left of each limit; null while Redis cannot be asked"
    )
    created_at: Time | None
    updated_at: Time | None


class AccountList(BaseModel):
    """A page: built-in accounts on the first, then the others, newest first."""

    items: list[AccountAnswer]
    next_cursor: str | None
