"""What is observed while Relay runs, as asked for and as answered."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from common.domain.policies import Level
from functions.key_admin.models.accounts import LimitUse
from functions.key_admin.models.fields import (
    PAGE_DEFAULT,
    PAGE_MAX,
    Money,
    Sent,
    Sought,
    Time,
    Ulid,
    split,
)


class Percentiles(BaseModel):
    """Times in ms that half, nine of ten, 99 of 100 requests took at most."""

    p50: int
    p90: int
    p99: int


class TimingsAnswer(BaseModel):
    """How the newest requests of a time went; null: no request says it."""

    requests: Annotated[int, Field(description="that were looked at")]
    sampled: Annotated[bool, Field(description="whether there are more, which were not")]
    oldest: Annotated[Time | None, Field(description="the first that was looked at")]
    failures: int
    cache_hits: int
    tokens: int
    latency_ms: Annotated[Percentiles | None, Field(description="of those that were served")]
    first_token_ms: Annotated[Percentiles | None, Field(description="of those that say it")]


class LimitsQuery(Sent):
    """Whose limits: of a key with all that holds for it, of a user, of a team.

    Without any: the organisation's, and those of the newest 200 teams that have some. The tree has
    those of all.
    """

    key_id: Ulid | None = None
    user_id: Sought | None = None
    team_id: Ulid | None = None


class LevelUse(BaseModel):
    """A level's limits with what is used of them; null while Redis cannot be asked."""

    level: Level
    id: str
    name: str
    use: list[LimitUse] | None


class LimitsAnswer(BaseModel):
    """Levels, the outermost first."""

    items: list[LevelUse]


class TreeQuery(Sent):
    """Which place of the tree: none is all teams, a team's (or `no_team`) its users.

    With `user_id` beside it: the keys of that user there.
    """

    team_id: Ulid | None = None
    no_team: bool = False
    user_id: Sought | None = None
    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    cursor: Annotated[str | None, Field(max_length=2048)] = None

    @model_validator(mode="after")
    def _one_place(self) -> "TreeQuery":
        if self.team_id is not None and self.no_team:
            raise ValueError("give team_id or no_team, not both")
        if self.user_id is not None and self.team_id is None and not self.no_team:
            raise ValueError("user_id needs team_id or no_team beside it")
        return self


class LimitsTree(BaseModel):
    """A page of one place of the tree; the first of teams begins with the organisation."""

    items: list[LevelUse]
    next_cursor: str | None


class SpendQuery(Sent):
    """Of which keys: ids separated by commas."""

    key_ids: Annotated[
        list[Ulid],
        Field(min_length=1, max_length=PAGE_MAX),
        BeforeValidator(split),
        WithJsonSchema({"type": "string", "description": "ids of keys, separated by commas"}),
    ]


class KeySpend(BaseModel):
    """What a key has spent in the periods of UTC that are now, weeks from Monday."""

    key_id: str
    day: Money
    week: Money
    month: Money
    total: Money


class SpendAnswer(BaseModel):
    """A key that is not there has spent nothing."""

    items: list[KeySpend]


class RedisCondition(BaseModel):
    """What Redis says of itself and of what waits in it."""

    version: str
    used_bytes: int
    limit_bytes: Annotated[int, Field(description="0: none")]
    clock_ahead_ms: int
    open_requests: int
    outbox: Annotated[int, Field(description="records that are not in the ledger yet")]
    outbox_oldest: Time | None
    started_at: Time
    evicted: Annotated[int, Field(description="entries that it dropped for want of memory")]
    eviction: Annotated[str, Field(description="`noeviction`, or it forgets what is counted")]
    persistent: Annotated[bool, Field(description="whether it keeps an append-only file")]


class PostgresCondition(BaseModel):
    """What Postgres says, and what waits in it for somebody."""

    version: str
    migrations: int
    migrations_missing: list[str]
    migrations_unknown: list[str]
    quarantined: int
    dead_letters: Annotated[int, Field(description="that were not sent again")]
    changes: Annotated[int, Field(description="that Redis has not seen")]
    oldest_change: Time | None
    bytes: Annotated[int, Field(description="of the whole database")]
    connections: Annotated[int, Field(description="of all to this server")]
    connections_max: int
    messages_waiting: Annotated[int, Field(description="notifications still to be sent")]
    messages_given_up: Annotated[int, Field(description="notifications that never arrived")]


class ConditionAnswer(BaseModel):
    """How the stores are; null: it cannot be asked."""

    postgres: PostgresCondition | None
    redis: RedisCondition | None
