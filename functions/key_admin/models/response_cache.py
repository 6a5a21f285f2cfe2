"""What is kept by the response cache, and what of it is to be forgotten."""

from pydantic import BaseModel, Field

from functions.key_admin.models.fields import Sent, Ulid


class Purge(Sent):
    """Whose kept answers are forgotten: exactly one of these."""

    team_id: Ulid | None = Field(default=None, description="those of a team's keys")
    key_id: Ulid | None = Field(
        default=None, description="those that were made for requests of one key"
    )
    all: bool = Field(default=False, description="`true`: those of everybody")


class KeptAnswer(BaseModel):
    """How much is kept of a tenant: a team, or a key without one."""

    tenant: str = Field(description="id of the team, or of a key without a team")
    entries: int
    bytes: int = Field(description="in Redis, as counted against the bound of a tenant")


class KeptTotal(BaseModel):
    """Sums."""

    entries: int
    bytes: int


class KeptList(BaseModel):
    """Tenants of whom anything is kept, most bytes first."""

    items: list[KeptAnswer]
    total: KeptTotal
