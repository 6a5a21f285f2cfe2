"""Many keys at once, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from common.domain.key_table import KEYS_MAX
from functions.key_admin.models.fields import Name, Sent, Sought, Ulid
from functions.key_admin.models.keys import KeyCreate, KeyMade, KeyPatch, Status, Tags

# Of 500 keys with what they have in common.
BODY_BYTES_MAX = 8 * 1024 * 1024


class KeyRow(KeyCreate):
    """A new key, whose team may be given by its name."""

    team: Annotated[
        Name | None, Field(description="the team's name or id, in `team_id`'s place")
    ] = None

    @model_validator(mode="after")
    def _one_team(self) -> "KeyRow":
        if self.team is not None and self.team_id is not None:
            raise ValueError("has team and team_id: give one of them")
        return self


class KeysCreate(Sent):
    """New keys: all of them are made, or none."""

    keys: list[KeyRow] = Field(min_length=1, max_length=KEYS_MAX)


class KeysMade(BaseModel):
    """The keys in the order that they were sent in, with their secrets, shown this once."""

    items: list[KeyMade]


class KeyFilter(Sent):
    """Which keys, as a list of keys is filtered; without any of these: all."""

    user_id: Sought | None = None
    team_id: Ulid | None = None
    status: Status | None = None
    tag: Sought | None = None
    search: Sought | None = None


class KeysChange(Sent):
    """What becomes of which keys: of `ids`, or of those that `filter` finds, at most 500.

    `set` is as a change of one key has it, but that of `limits` what is sent changes and the rest
    stays. `revoke` stands alone.
    """

    ids: Annotated[list[Ulid] | None, Field(min_length=1, max_length=KEYS_MAX)] = None
    filter: KeyFilter | None = None
    set: KeyPatch | None = None
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)
    revoke: bool = False
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_which_and_what(self) -> "KeysChange":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("needs ids or filter, and not both")
        changes = bool(self.add_tags or self.remove_tags)
        changes |= self.set is not None and bool(self.set.model_fields_set)
        if changes == self.revoke:
            raise ValueError("needs a change (set, add_tags, remove_tags) or revoke, and not both")
        if self.set is not None and "name" in self.set.model_fields_set:
            raise ValueError("set.name: a name is one key's: change it there")
        whole = self.set is not None and "tags" in self.set.model_fields_set
        if whole and (self.add_tags or self.remove_tags):
            raise ValueError("set.tags takes all tags' place: leave out add_tags and remove_tags")
        return self


class KeyChange(BaseModel):
    """What becomes of one key: the members that change, as they were and as they are then."""

    id: str
    name: str
    key_prefix: str
    team_id: str | None
    outcome: Annotated[
        Literal["changed", "unchanged", "skipped"],
        Field(description="skipped: a revoked key is not changed; restore it first"),
    ]
    before: dict[str, Any]
    after: dict[str, Any]


class KeysChanged(BaseModel):
    """What became of the keys, or of a dry run what would; the answer's entity tag names them."""

    dry_run: bool
    changed: int
    unchanged: int
    skipped: int
    items: list[KeyChange]
