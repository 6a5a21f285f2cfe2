"""Users and teams, as sent and as answered."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

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

    id: Name
    name: Words = ""
    email: Email = ""
    team_id: Ulid | None = None


class UserPatch(PolicyPatch):
    """What is to change; what is left out stays. `null` takes `team_id` away."""

    name: Annotated[Words, Kept] = LEFT_OUT
    email: Annotated[Email, Kept] = LEFT_OUT
    team_id: Ulid | None = None


class UserPage(Sent):
    """Which users. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Sought | None = None
    team_id: Ulid | None = None


class UserAnswer(PolicyShown):
    """A user, and how many active keys it has."""

    id: str
    name: str
    email: str
    team_id: str | None
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


class TeamCreate(TenantPolicySent, TeamRoutingSent):
    """A team. Its name is its own."""

    name: Name
    description: Words = ""
    unpriced_models: UnpricedField = None
    price_multiplier: Multiplier = Decimal(1)


class TeamPatch(TenantPolicyPatch, TeamRoutingPatch):
    """What is to change; what is left out stays. `null` takes a binding away."""

    name: Annotated[Name, Kept] = LEFT_OUT
    description: Annotated[Words, Kept] = LEFT_OUT
    unpriced_models: UnpricedField = None
    # Without `Kept`, behind which pydantic takes no number or text for a Decimal; null is none.
    price_multiplier: Multiplier = LEFT_OUT


class TeamPage(Page):
    """Which teams: all, or the one of a name."""

    name: Sought | None = None


class TeamAnswer(TenantPolicyShown, KeyRoutingShown, FallbacksShown):
    """A team, and how many users and active keys it has."""

    id: str
    name: str
    description: str
    unpriced_models: UnpricedField
    price_multiplier: Annotated[Factor, Field(description="USD charged for each USD of cost")]
    users: int
    active_keys: int
    created_at: Time
    updated_at: Time


class TeamList(BaseModel):
    """A page, newest first."""

    items: list[TeamAnswer]
    next_cursor: str | None
