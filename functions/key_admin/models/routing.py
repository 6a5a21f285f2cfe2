"""Routing, as sent and as answered: rules of a level, groups of accounts."""

from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, Field, model_validator

from common.domain.routing import Routing
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import LEFT_OUT, Glob, Kept, Name, Page, Sent, Time, Ulid

REGIONS_MAX = 20
FALLBACKS_MAX = 100
GROUP_MAX = 200
BINDING = ("account_id", "group_id")


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Region = Annotated[str, Field(max_length=64, pattern=patterns.REGION)]
Regions = Annotated[
    list[Region],
    Field(
        max_length=REGIONS_MAX,
        description="only accounts of these regions serve; empty: all, those without one too",
    ),
    AfterValidator(_once),
]
Fallbacks = Annotated[
    dict[Glob, Annotated[list[Name], Field(min_length=1, max_length=5), AfterValidator(_once)]],
    Field(
        max_length=FALLBACKS_MAX,
        description="of models, or globs: what is asked in turn when no account can serve them",
    ),
]
_ONE_OF = "give account_id or group_id, not both"


class Binding(Sent):
    """Which accounts serve: one, those of a group, those of regions; of all levels together."""

    account_id: Ulid | None = None
    group_id: Ulid | None = None

    @model_validator(mode="after")
    def _bound_once(self) -> "Binding":
        if self.account_id is not None and self.group_id is not None:
            raise ValueError(_ONE_OF)
        return self


class KeyRoutingSent(Binding):
    """Those of a key."""

    regions: Regions = Field(default_factory=list)


class KeyRoutingPatch(Binding):
    """What is sent of them takes the old one's place; an account that of a group, and so back."""

    regions: Annotated[Regions, Kept] = LEFT_OUT


class TeamRoutingSent(KeyRoutingSent):
    """Those of a team, and its fallbacks: without any of its own the organisation's hold."""

    fallbacks: Fallbacks = Field(default_factory=dict)


class TeamRoutingPatch(KeyRoutingPatch):
    """As a key's, and fallbacks."""

    fallbacks: Annotated[Fallbacks, Kept] = LEFT_OUT


class OrganisationRoutingPatch(Sent):
    """The organisation is bound to regions only."""

    regions: Annotated[Regions, Kept] = LEFT_OUT
    fallbacks: Annotated[Fallbacks, Kept] = LEFT_OUT


class RegionsShown(BaseModel):
    """What every level has."""

    regions: list[str]


class KeyRoutingShown(RegionsShown):
    """What a key has."""

    account_id: str | None
    group_id: str | None


class FallbacksShown(BaseModel):
    """What the organisation and teams have."""

    fallbacks: dict[str, list[str]]


def patched_routing(routing: Routing, given: BaseModel) -> Routing:
    """The rules with what was sent in the old ones' place."""
    sent = given.model_fields_set & set(Routing.__struct_fields__)
    if not sent:
        return routing
    changes: dict[str, Any] = {name: getattr(given, name) for name in sent}
    if any(changes.get(name) is not None for name in BINDING):
        changes = dict.fromkeys(BINDING) | changes
    merged = {name: getattr(routing, name) for name in Routing.__struct_fields__} | changes
    return msgspec.convert(merged, Routing)


def shown_routing(routing: Routing, *names: str) -> dict[str, Any]:
    """These members of an answer."""
    members = {
        "account_id": routing.account_id,
        "group_id": routing.group_id,
        "regions": list(routing.regions),
        "fallbacks": {model: list(others) for model, others in routing.fallbacks.items()},
    }
    return {name: members[name] for name in names}


AccountIds = Annotated[
    list[Ulid],
    Field(max_length=GROUP_MAX, description="of accounts, built-in ones too"),
    AfterValidator(_once),
]


class GroupCreate(Sent):
    """A group of accounts. Its name is its own."""

    name: Name
    account_ids: AccountIds = Field(default_factory=list)


class GroupPatch(Sent):
    """What is to change; what is left out stays."""

    name: Annotated[Name, Kept] = LEFT_OUT
    account_ids: Annotated[AccountIds, Kept] = LEFT_OUT


class GroupPage(Page):
    """Which groups."""


class GroupAnswer(BaseModel):
    """A group."""

    id: str
    name: str
    account_ids: list[str]
    created_at: Time
    updated_at: Time


class GroupList(BaseModel):
    """A page, newest first."""

    items: list[GroupAnswer]
    next_cursor: str | None
