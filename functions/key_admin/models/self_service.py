"""What people in the portal send and are answered: of their own, without ids of anything else."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from common.domain.policies import Level
from functions.key_admin.models.access import KeyAccessFields, ModelRules
from functions.key_admin.models.accounts import LimitUse
from functions.key_admin.models.fields import (
    Bound,
    Future,
    Money,
    Name,
    Page,
    Sent,
    Sought,
    Time,
    Ulid,
    split,
)
from functions.key_admin.models.keys import ActivationShown, OldSecretEnd, Status, Tags
from functions.key_admin.models.limits import CountsSent, CountsShown
from functions.key_admin.models.receipts import Outcome, Receipt
from functions.key_admin.models.sessions import Text, WayName
from functions.key_admin.models.usage import Tokens, Zone

OWN_GROUPINGS = ("key", "model", "endpoint", "status", "hour", "day", "week", "month")
Obstacle = Literal["key", "no_team", "off", "keys_max"]


def _own_groupings(names: list[str]) -> list[str]:
    for name in names:
        if name not in OWN_GROUPINGS:
            raise ValueError(f"{name!r} is no grouping: there are {', '.join(OWN_GROUPINGS)}")
    return list(dict.fromkeys(names))


class OwnKeyCreate(CountsSent):
    """A key of one's own, in one's team. Limits and budgets hold beside the team's."""

    name: Name
    models: ModelRules = Field(default_factory=ModelRules)
    tags: Tags = Field(default_factory=list)
    expires_at: Annotated[
        Future | None, Field(description="left out: as late as the team allows")
    ] = None


class Spent(BaseModel):
    """What a key has spent in the periods of UTC that are now, weeks from Monday."""

    day: Money
    week: Money
    month: Money
    total: Money


class OwnKey(CountsShown):
    """A key of one's own, without its secret."""

    id: str
    name: str
    team: Annotated[str | None, Field(description="its name")]
    key_prefix: str
    status: Status
    scopes: list[str]
    models: ModelRules
    access: KeyAccessFields
    tags: list[str]
    expires_at: Time | None
    activation: ActivationShown | None
    created_at: Time
    revoked_at: Time | None
    last_used_at: Time | None
    old_secret_ends_at: OldSecretEnd


class OwnKeyShown(OwnKey):
    """With what it has spent."""

    spent: Spent


class OwnKeyMade(OwnKey):
    """With its secret, which is shown this once."""

    key: str


class OwnKeyList(BaseModel):
    """A page, newest first."""

    items: list[OwnKeyShown]
    next_cursor: str | None


class OwnKeysPage(Page):
    """Which of one's keys."""

    status: Status | None = None


class Allowance(BaseModel):
    """Whether keys may be made and rotated, and within what."""

    may_create: bool
    obstacle: Annotated[
        Obstacle | None,
        Field(
            description="why not: `key`: came with an API key; `no_team`: is in none; `off`: the "
            "team's self_service is; `keys_max`: has as many as are allowed"
        ),
    ]
    may_rotate: bool
    keys_active: int
    keys_max: int
    expires_by: Annotated[
        Time | None, Field(description="when a key that is made now ends at the latest")
    ]
    models: Annotated[ModelRules, Field(description="of the team; a key's rules hold beside")]


class SelfAnswer(BaseModel):
    """Who one is in the portal; `key_id` of who came with an API key, which is all they see."""

    name: str
    way: WayName
    team: Annotated[str | None, Field(description="its name")]
    key_id: str | None
    allowance: Allowance


class OwnLevelUse(BaseModel):
    """A level's limits with what is used of them; null while Redis cannot be asked."""

    level: Level
    name: Annotated[str, Field(description="of a team; else as `level`")]
    use: list[LimitUse] | None


class OwnLimits(BaseModel):
    """Levels that bind, the outermost first; a team's use is that of all its keys."""

    items: list[OwnLevelUse]


class OwnLimitsQuery(Sent):
    """Of a key with all that holds for it; else those of oneself and one's team."""

    key_id: Ulid | None = None


class _OwnQuery(Sent):
    since: Bound | None = None
    until: Bound | None = None
    tz: Zone = "UTC"
    key_id: Ulid | None = None
    model: Sought | None = None
    status: Outcome | None = None


class OwnUsageQuery(_OwnQuery):
    """Which of one's usage: `since` (inclusive), `until` (exclusive): times, or dates in `tz`."""

    group_by: Annotated[
        list[str],
        Field(max_length=3),
        BeforeValidator(split),
        AfterValidator(_own_groupings),
        WithJsonSchema({"type": "string", "description": f"of {', '.join(OWN_GROUPINGS)}"}),
    ] = Field(default_factory=list)


class OwnRecordsQuery(_OwnQuery):
    """Which page of one's requests."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Ulid | None = None


class OwnRecord(BaseModel):
    """A row of the ledger: a request, or an adjustment of one."""

    id: str
    kind: Literal["usage", "adjustment"]
    adjusts: str | None
    occurred_at: Time
    key_id: str
    endpoint: str
    model_requested: str
    model_served: str | None
    status: Outcome
    error_code: str | None
    cache_hit: bool
    tokens: Tokens
    cost_usd: Money
    latency_ms: int | None
    first_token_ms: int | None


class OwnRecords(BaseModel):
    """A page, newest first."""

    items: list[OwnRecord]
    next_cursor: str | None


class OwnReceipt(Receipt):
    """A receipt, and which of one's keys it is of."""

    key_id: str


class KeyCheck(Sent):
    """The key itself, in the body: never in an address."""

    api_key: Text


class KeyChecked(BaseModel):
    """What is told of a key to whoever has it."""

    name: str
    key_prefix: str
    expires_at: Time | None
    last_used_at: Time | None
    spent: Spent
    limits: list[OwnLevelUse]
