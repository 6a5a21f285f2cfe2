"""Keys, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from common.domain.access import ALL_SCOPES
from functions.key_admin.models.fields import (
    LEFT_OUT,
    Future,
    Glob,
    Kept,
    Name,
    Page,
    Sent,
    Sought,
    Time,
    Ulid,
)
from functions.key_admin.models.limits import PolicyPatch, PolicySent, PolicyShown

_LATER = "is not enforced by this version of Relay and so not accepted: leave it out"
Status = Literal["active", "disabled", "revoked", "expired"]


def _nothing(value: Any) -> Any:
    if value:
        raise ValueError(_LATER)
    return value


def _known_scopes(scopes: list[str]) -> list[str]:
    for scope in scopes:
        if scope not in ALL_SCOPES:
            raise ValueError(f"{scope!r} is no scope: there are {', '.join(ALL_SCOPES)}")
    return list(dict.fromkeys(scopes))


Scopes = Annotated[list[str], Field(max_length=50), AfterValidator(_known_scopes)]
Tags = Annotated[list[Name], Field(max_length=50)]
NotYet = Annotated[Any, AfterValidator(_nothing), Field(description=f"It {_LATER}.")]


class ModelRules(Sent):
    """Which models a key may use: shell globs; `deny` wins, an empty `allow` admits all."""

    allow: list[Glob] = Field(default_factory=list, max_length=100)
    deny: list[Glob] = Field(default_factory=list, max_length=100)


class KeyCreate(PolicySent):
    """A new key. Without `user_id` the key gets a user of its own."""

    name: Name
    user_id: Name | None = None
    team_id: Ulid | None = None
    scopes: Scopes = Field(default_factory=list)
    models: ModelRules = Field(default_factory=ModelRules)
    expires_at: Future | None = None
    tags: Tags = Field(default_factory=list)
    account_id: NotYet = None
    group_id: NotYet = None


class KeyPatch(PolicyPatch):
    """What is to change; what is left out stays. `null` takes `team_id`, `expires_at` away."""

    name: Annotated[Name, Kept] = LEFT_OUT
    team_id: Ulid | None = None
    scopes: Annotated[Scopes, Kept] = LEFT_OUT
    models: Annotated[ModelRules, Kept] = LEFT_OUT
    expires_at: Future | None = None
    tags: Annotated[Tags, Kept] = LEFT_OUT
    status: Annotated[Literal["active", "disabled"], Kept] = LEFT_OUT
    account_id: NotYet = None
    group_id: NotYet = None


class Rotation(Sent):
    """How long the old key goes on working beside the new one."""

    grace_s: int = Field(default=3600, ge=0, le=30 * 24 * 3600)


class KeyPage(Page):
    """Which keys."""

    user_id: Sought | None = None
    team_id: Ulid | None = None
    status: Status | None = None


class KeyAnswer(PolicyShown):
    """A key without its secret."""

    id: str
    name: str
    user_id: str
    team_id: str | None
    key_prefix: str
    status: Status
    scopes: list[str]
    models: ModelRules
    account_id: str | None
    group_id: str | None
    tags: list[str]
    expires_at: Time | None
    created_at: Time
    updated_at: Time
    revoked_at: Time | None
    last_used_at: Time | None


class KeyMade(KeyAnswer):
    """A key with its secret, which is shown this once."""

    key: str


class KeyList(BaseModel):
    """A page, newest first."""

    items: list[KeyAnswer]
    next_cursor: str | None
