"""Keys, as sent and as answered."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from functions.key_admin.models.access import KeyAccessFields, ModelRules, Scopes
from functions.key_admin.models.content import ContentSent, ContentShown
from functions.key_admin.models.fields import (
    LEFT_OUT,
    PAGE_MAX,
    Future,
    Kept,
    Name,
    Page,
    Sent,
    Sought,
    Time,
    Ulid,
    UserId,
    split,
)
from functions.key_admin.models.limits import CountsPatch, CountsSent, CountsShown
from functions.key_admin.models.routing import KeyRoutingPatch, KeyRoutingSent, KeyRoutingShown

ACTIVATION_DAYS_MAX = 3650
Status = Literal["active", "disabled", "revoked", "expired"]


OldSecretEnd = Annotated[
    Time | None,
    Field(description="until when a secret from before a rotation works, too; null: none does"),
]
Tags = Annotated[list[Name], Field(max_length=50)]


class Activation(Sent):
    """The key ends so many days after its first admitted request."""

    days: int = Field(ge=1, le=ACTIVATION_DAYS_MAX)


class ActivationShown(BaseModel):
    """The same, with when that was, and the end that follows; null before it."""

    days: int
    activated_at: Time | None
    expires_at: Time | None


class KeyCreate(CountsSent, KeyRoutingSent, ContentSent):
    """A new key. Without `user_id` the key gets a user of its own."""

    name: Name
    user_id: UserId | None = None
    team_id: Ulid | None = None
    scopes: Scopes = Field(default_factory=list)
    models: ModelRules = Field(default_factory=ModelRules)
    access: KeyAccessFields = Field(default_factory=KeyAccessFields)
    expires_at: Future | None = None
    activation: Activation | None = None
    tags: Tags = Field(default_factory=list)


class KeyPatch(CountsPatch, KeyRoutingPatch, ContentSent):
    """What is to change; what is left out stays.

    `null` takes `team_id`, `account_id`, `group_id`, `access`, `expires_at`, `activation` and rules
    of content away. Other days of an activation count from the first use that there was; it is
    forgotten when the activation is taken away.
    """

    name: Annotated[Name, Kept] = LEFT_OUT
    team_id: Ulid | None = None
    scopes: Annotated[Scopes, Kept] = LEFT_OUT
    models: Annotated[ModelRules, Kept] = LEFT_OUT
    access: KeyAccessFields | None = None
    expires_at: Future | None = None
    activation: Activation | None = None
    tags: Annotated[Tags, Kept] = LEFT_OUT
    status: Annotated[Literal["active", "disabled"], Kept] = LEFT_OUT


class Rotation(Sent):
    """How long the old key goes on working beside the new one."""

    grace_s: int = Field(default=3600, ge=0, le=30 * 24 * 3600)


class KeyPage(Page):
    """Which keys, in which order."""

    user_id: Sought | None = None
    team_id: Ulid | None = None
    status: Status | None = None
    tag: Sought | None = None
    ids: Annotated[
        list[Ulid] | None,
        Field(max_length=PAGE_MAX),
        BeforeValidator(split),
        WithJsonSchema({"type": "string", "description": "only these, separated by commas"}),
    ] = None
    search: Annotated[
        Sought | None,
        Field(description="a part of the name or the user, or the key's beginning or id"),
    ] = None
    sort: Annotated[
        Literal["newest", "oldest", "name"],
        Field(description="`cursor` goes on in the order that it came from"),
    ] = "newest"


class KeyAnswer(CountsShown, KeyRoutingShown, ContentShown):
    """A key without its secret."""

    id: str
    name: str
    user_id: str
    team_id: str | None
    key_prefix: str
    status: Status
    scopes: list[str]
    models: ModelRules
    access: KeyAccessFields
    tags: list[str]
    expires_at: Time | None
    activation: ActivationShown | None
    created_at: Time
    updated_at: Time
    revoked_at: Time | None
    last_used_at: Time | None
    old_secret_ends_at: OldSecretEnd


class KeyMade(KeyAnswer):
    """A key with its secret, which is shown this once."""

    key: str


class KeyList(BaseModel):
    """A page, newest first unless it is sorted otherwise."""

    items: list[KeyAnswer]
    next_cursor: str | None
