"""Users and teams, as sent and as answered."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from common.domain.self_service import EXPIRES_DAYS_MAX, KEYS_MAX
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import (
    LEFT_OUT,
    Factor,
    Kept,
    Name,
    Page,
    Sent,
    Sought,
    Time,
    Ulid,
    UserId,
)
from functions.key_admin.models.limits import (
    PolicyPatch,
    PolicySent,
    PolicyShown,
    TenantPolicyPatch,
    TenantPolicySent,
    TenantPolicyShown,
    UnpricedField,
)
from functions.key_admin.models.routing import (
    FallbacksShown,
    KeyRoutingShown,
    TeamRoutingPatch,
    TeamRoutingSent,
)

Email = Annotated[str, Field(max_length=254, pattern=patterns.EMAIL)]
Words = Annotated[str, Field(max_length=1000, pattern=patterns.NO_NUL)]


class UserCreate(PolicySent):
    """A user; `id` is your own string, such as the one your directory has."""

    id: UserId
    name: Words = ""
    email: Email = ""
    team_id: Ulid | None = None


class UserPatch(PolicyPatch):
    """What is to change; what is left out stays. `null` takes `team_id` and `subject` away.

    Without `subject` whoever signs in next by the user's id or address is this user; sessions end.
    """

    name: Annotated[Words, Kept] = LEFT_OUT
    email: Annotated[Email, Kept] = LEFT_OUT
    team_id: Ulid | None = None
    subject: None = None


class UserPage(Sent):
    """Which users. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Sought | None = None
    team_id: Ulid | None = None
    search: Annotated[
        Sought | None, Field(description="a part of the id, the name or the e-mail")
    ] = None


class UserAnswer(PolicyShown):
    """A user, and how many active keys it has."""

    id: str
    name: str
    email: str
    team_id: str | None
    subject: Annotated[
        str | None,
        Field(description="`<issuer> <sub>` of who signs in to the portal as this user"),
    ]
    active_keys: int
    created_at: Time
    updated_at: Time


class UserList(BaseModel):
    """A page, by id."""

    items: list[UserAnswer]
    next_cursor: str | None


Multiplier = Annotated[
    Decimal,
    Field(
        gt=0,
        le=1000,
        max_digits=10,
        decimal_places=6,
        description="what the team is charged for each USD of cost, from the next record on; "
        "budgets count the cost itself",
    ),
]


class SelfServiceFields(Sent):
    """What people of the team do by themselves, in the portal, with keys of their own."""

    enabled: bool = Field(default=False, description="whether they make and rotate keys")
    keys_max: int | None = Field(
        default=None,
        ge=1,
        le=KEYS_MAX,
        description="active keys each may have; null: RELAY_PORTAL_KEYS_MAX, which bounds it too",
    )
    expires_within_days: int | None = Field(
        default=None,
        ge=1,
        le=EXPIRES_DAYS_MAX,
        description="each key ends so many days after it was made at the latest; null: never",
    )


class TeamCreate(TenantPolicySent, TeamRoutingSent):
    """A team. Its name is its own."""

    name: Name
    description: Words = ""
    unpriced_models: UnpricedField = None
    price_multiplier: Multiplier = Decimal(1)
    self_service: SelfServiceFields = Field(default_factory=SelfServiceFields)


class TeamPatch(TenantPolicyPatch, TeamRoutingPatch):
    """What is to change; what is left out stays. `null` takes a binding away."""

    name: Annotated[Name, Kept] = LEFT_OUT
    description: Annotated[Words, Kept] = LEFT_OUT
    unpriced_models: UnpricedField = None
    # Without `Kept`, behind which pydantic takes no number or text for a Decimal; null is none.
    price_multiplier: Multiplier = LEFT_OUT
    self_service: SelfServiceFields | None = None


class TeamPage(Page):
    """Which teams: all, or the one of a name."""

    name: Sought | None = None
    search: Annotated[Sought | None, Field(description="a part of the name or the description")] = (
        None
    )


class TeamAnswer(TenantPolicyShown, KeyRoutingShown, FallbacksShown):
    """A team, and how many users and active keys it has."""

    id: str
    name: str
    description: str
    unpriced_models: UnpricedField
    price_multiplier: Annotated[Factor, Field(description="USD charged for each USD of cost")]
    self_service: SelfServiceFields
    users: int
    active_keys: int
    created_at: Time
    updated_at: Time


class TeamName(BaseModel):
    """What a team is called."""

    id: str
    name: str


class TeamNames(BaseModel):
    """Teams in the order of their names, the first 1,000."""

    items: list[TeamName]


class TeamList(BaseModel):
    """A page, newest first."""

    items: list[TeamAnswer]
    next_cursor: str | None
