"""Usage, as asked for and as answered."""

from datetime import date, datetime, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from common.store.usage import GROUPINGS
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import (
    PAGE_DEFAULT,
    PAGE_MAX,
    Bound,
    Factor,
    Money,
    Sent,
    Sought,
    Time,
    Ulid,
    split,
)

MODEL = "the model that answered; the one that was asked for when none did. As in sums by model"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA list, e.g. Europe/Berlin") from None
    return name


def _known_groupings(names: list[str]) -> list[str]:
    for name in names:
        if name not in GROUPINGS:
            raise ValueError(f"{name!r} is no grouping: there are {', '.join(GROUPINGS)}")
    return list(dict.fromkeys(names))


Zone = Annotated[str, AfterValidator(_known_zone)]


class UsageQuery(Sent):
    """Which usage: `since` (inclusive) and `until` (exclusive) are times, or dates in `tz`."""

    since: Bound | None = None
    until: Bound | None = None
    tz: Zone = "UTC"
    key_id: Ulid | None = None
    user_id: Sought | None = None
    team_id: Ulid | None = None
    account_id: Ulid | None = None
    model: Annotated[Sought | None, Field(description=MODEL)] = None
    provider: Sought | None = None
    endpoint: Sought | None = None
    status: Literal["ok", "error", "cancelled", "interrupted"] | None = None

    def moment(self, given: datetime | date | None) -> datetime | None:
        """A bound as a time; a date is its midnight in `tz`."""
        if given is None or isinstance(given, datetime):
            return given
        return datetime.combine(given, time(), ZoneInfo(self.tz))


class SumsQuery(UsageQuery):
    """How to group, by names separated by commas."""

    group_by: Annotated[
        list[str],
        Field(max_length=4),
        BeforeValidator(split),
        AfterValidator(_known_groupings),
        WithJsonSchema({"type": "string", "description": f"of {', '.join(GROUPINGS)}"}),
    ] = Field(default_factory=list)


class LeaderboardQuery(UsageQuery):
    """Who used most: `by` what, counted in which `metric`."""

    by: Literal["user", "key", "team", "model", "account"] = "user"
    metric: Literal["cost", "requests", "tokens"] = "cost"
    limit: int = Field(default=10, ge=1, le=100)


class RowsQuery(UsageQuery):
    """Which rows of the ledger."""

    model_requested: Annotated[
        Sought | None, Field(description="the model that was asked for, whichever answered")
    ] = None
    error_code: Annotated[
        Sought | None,
        Field(description="such as rate_limited; of failed requests, unless `status` says others"),
    ] = None

    @model_validator(mode="after")
    def _failed(self) -> Self:
        # Cancelled ones may have an error too: they are asked for by their status.
        if self.error_code is not None and self.status is None:
            self.status = "error"
        return self


class ExportQuery(RowsQuery):
    """The same, all of them."""

    progress: Annotated[
        str | None,
        Field(
            pattern=patterns.EXPORT,
            description="the id, of one's own choice, by which to ask how far the export is",
        ),
    ] = None


class ExportShown(BaseModel):
    """Rows that were written, of about how many; `broken`: it ended before its end."""

    rows: int
    estimated: int
    state: Literal["running", "done", "broken"]


class RecordsQuery(RowsQuery):
    """Which page of them."""

    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    cursor: Ulid | None = None


class Tokens(BaseModel):
    """Tokens by class; `reasoning` is part of `output`, the audio classes are parts too."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    audio_input: int
    audio_output: int


Unpriced = Annotated[
    int, Field(description="of `requests`, those to models without a price: at $0 in `cost_usd`")
]

Rated = Annotated[
    Money, Field(description="what teams are charged: the cost times their `price_multiplier`")
]


class Total(BaseModel):
    """Sums. An adjustment adds tokens and money, and is no request."""

    requests: int
    tokens: Tokens
    cost_usd: Money
    rated_usd: Rated
    unpriced_requests: Unpriced


class UsageItem(BaseModel):
    """Sums of a group."""

    group: dict[str, str | None]
    requests: int
    tokens: Tokens
    cost_usd: Money
    rated_usd: Rated
    unpriced_requests: Unpriced


class UsageAnswer(BaseModel):
    """Sums by group, in the groups' order, and over all of them."""

    items: list[UsageItem]
    total: Total


class LeaderboardItem(BaseModel):
    """A place on the board."""

    rank: int
    group: dict[str, str | None]
    requests: int
    tokens: Tokens
    cost_usd: Money
    rated_usd: Rated
    unpriced_requests: Unpriced


class Leaderboard(BaseModel):
    """Who used most, most first."""

    items: list[LeaderboardItem]


class Record(BaseModel):
    """A row of the ledger: a usage record, or an adjustment of one."""

    id: str
    kind: Literal["usage", "adjustment"]
    adjusts: str | None
    occurred_at: Time
    key_id: str
    user_id: str
    team_id: str | None
    account_id: str
    provider: str
    dialect: str
    endpoint: str
    model_requested: str
    model_served: str | None
    status: Literal["ok", "error", "cancelled", "interrupted"]
    finish_cause: str
    tokens: Tokens
    usage_source: Literal["reported", "estimated"]
    cost_usd: Money
    price_version: str
    latency_ms: int | None
    first_token_ms: int | None
    attempts: int
    cache_hit: bool
    redactions: int
    client: str | None
    error_code: str | None
    tags: list[str]
    service_tier: str | None
    searches: int
    unit_prices: Annotated[
        dict[str, int] | None,
        Field(description="pico-USD (1e-12 USD) per token of each class, and per search"),
    ]
    discount: Annotated[str, Field(description="of the account; in `unit_prices` already")]
    priced_as: Annotated[str | None, Field(description="whose price it is")]
    price_multiplier: Annotated[Factor, Field(description="of the team, when it was posted")]
    rated_usd: Rated


class RecordList(BaseModel):
    """A page, newest first."""

    items: list[Record]
    next_cursor: str | None
