"""Service accounts, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from functions.key_admin.models.fields import LEFT_OUT, Future, Kept, Name, Sent, Time, Ulid

GRACE_S_MAX = 7 * 24 * 3600
RoleName = Literal["viewer", "operator", "admin", "team_admin"]
Area = Annotated[str, Field(pattern="^[a-z][a-z-]{0,40}$")]
TeamIds = Annotated[list[Ulid], Field(max_length=100)]
Areas = Annotated[list[Area], Field(max_length=20)]


def check_teams(role: str, team_ids: Any) -> None:
    """A team admin has teams, and nobody else. Raises `ValueError`."""
    if (role == "team_admin") != bool(team_ids):
        raise ValueError("a team_admin has at least one, and no other role has any")


class ServiceAccountCreate(Sent):
    """A program's account. Its token has the role's rights, less those outside of `areas`."""

    name: Name
    role: RoleName
    team_ids: TeamIds = Field(default_factory=list, validate_default=True)
    areas: Areas = Field(
        default_factory=list,
        description="tags of operations, such as keys or usage; empty: all that the role may",
    )
    expires_at: Future | None = None

    @field_validator("team_ids")
    @classmethod
    def _teams(cls, team_ids: list[str], info: ValidationInfo) -> list[str]:
        if "role" in info.data:
            check_teams(info.data["role"], team_ids)
        return team_ids


class ServiceAccountPatch(Sent):
    """What is to change; what is left out stays. `null` takes `expires_at` away."""

    name: Annotated[Name, Kept] = LEFT_OUT
    role: Annotated[RoleName, Kept] = LEFT_OUT
    team_ids: Annotated[TeamIds, Kept] = LEFT_OUT
    areas: Annotated[Areas, Kept] = LEFT_OUT
    expires_at: Future | None = None


class TokenRotation(Sent):
    """How long the old token goes on working beside the new one."""

    grace_s: int = Field(default=0, ge=0, le=GRACE_S_MAX)


class ServiceAccountAnswer(BaseModel):
    """A service account without its token."""

    id: str
    name: str
    role: RoleName
    team_ids: list[str]
    areas: list[str]
    status: Literal["active", "expired", "revoked"]
    token_prefix: str
    old_token_ends_at: Time | None = Field(description="of the token before the last rotation")
    expires_at: Time | None
    created_by: str
    created_at: Time
    updated_at: Time
    revoked_at: Time | None
    last_used_at: Time | None


class ServiceAccountMade(ServiceAccountAnswer):
    """A service account with its token, which is shown this once."""

    token: str


class AreaList(BaseModel):
    """What a token may be bound to."""

    items: list[str]


class ServiceAccountList(BaseModel):
    """A page, newest first."""

    items: list[ServiceAccountAnswer]
    next_cursor: str | None
