"""Routing, as sent and as answered: rules of a level, groups of accounts."""

from datetime import date
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, Field, model_validator

from common.domain.globs import is_glob
from common.domain.routing import Routing
from common.domain.routing_table import AliasRule, Capability
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import (
    LEFT_OUT,
    PAGE_DEFAULT,
    PAGE_MAX,
    Glob,
    Kept,
    Name,
    Page,
    Sent,
    Sought,
    Time,
    Ulid,
)

REGIONS_MAX = 20
FALLBACKS_MAX = 100
GROUP_MAX = 200
CONDITION_MAX = 50
BINDING = ("account_id", "group_id")


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _names_once(models: list[str]) -> list[str]:
    for model in models:
        if is_glob(model):
            raise ValueError(f"what is asked instead must be a model's name: {model!r} is a glob")
    return _once(models)


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


HeaderName = Annotated[str, Field(max_length=100, pattern=patterns.HEADER)]
Tokens = Annotated[int | None, Field(ge=0, le=10**9)]
Region = Annotated[str, Field(max_length=64, pattern=patterns.REGION_NAMED)]
Regions = Annotated[
    list[Region],
    Field(
        max_length=REGIONS_MAX,
        description="only accounts of these regions serve; empty: all, those without one too",
    ),
    AfterValidator(_once),
]
Fallbacks = Annotated[
    dict[
        Glob,
        Annotated[list[Name], Field(min_length=1, max_length=5), AfterValidator(_names_once)],
    ],
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


class BoundToGroup(BaseModel):
    """Who is bound to a group."""

    kind: str = Field(description="key or team")
    id: str
    name: str


class GroupShown(GroupAnswer):
    """A group, with some of the keys and teams that are bound to it, revoked keys too."""

    bound: list[BoundToGroup]
    more_bound: bool = Field(description="there may be others")


class GroupList(BaseModel):
    """A page, newest first."""

    items: list[GroupAnswer]
    next_cursor: str | None


class WhenFields(Sent):
    """What must hold of a request, all of it; what is left out always holds."""

    teams: list[Ulid] = Field(default_factory=list, max_length=CONDITION_MAX)
    tags: list[Name] = Field(
        default_factory=list, max_length=CONDITION_MAX, description="of keys; one is enough"
    )
    headers: Annotated[dict[HeaderName, Name], AfterValidator(_lower)] = Field(
        default_factory=dict, max_length=CONDITION_MAX, description="with the value asked for"
    )
    input_tokens_min: Tokens = None
    input_tokens_max: Tokens = None
    tools: bool | None = None
    images: bool | None = None


class AliasRuleFields(Sent):
    """To which models a request goes, each with its weight, where the condition holds."""

    models: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(min_length=1, max_length=20)
    when: WhenFields = Field(default_factory=WhenFields)


def _no_globs(rules: list[AliasRuleFields]) -> list[AliasRuleFields]:
    for at, rule in enumerate(rules):
        for model in rule.models:
            if is_glob(model):
                raise ValueError(f"the models of rule {at} must be names: {model!r} is a glob")
    return rules


class AliasPut(Sent):
    """What an alias stands for: the first rule whose condition holds. Models are no aliases."""

    rules: Annotated[list[AliasRuleFields], AfterValidator(_no_globs)] = Field(
        min_length=1, max_length=50
    )


class AliasAnswer(BaseModel):
    """An alias."""

    name: str
    rules: list[AliasRuleFields]
    created_at: Time
    updated_at: Time


class NamePage(Sent):
    """Which page of a list by name: `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    cursor: Sought | None = None


class AliasList(BaseModel):
    """A page, by name."""

    items: list[AliasAnswer]
    next_cursor: str | None


class ModelFields(BaseModel):
    """What is known of a model; null is not known."""

    context_window: Tokens = None
    max_output_tokens: Tokens = None
    capabilities: list[Capability] | None = Field(
        default=None, description="what the model can do; what is not listed it cannot"
    )
    deprecated_on: date | None = Field(
        default=None, description="answers of the model then have x-relay-model-deprecated"
    )
    successor: Name | None = None


class ModelPut(Sent, ModelFields):
    """What the operator knows of a model; all of it takes the place of what Relay knows."""


class ModelAnswer(ModelFields):
    """A model. `own` says that an operator put it there, else Relay knows it by itself."""

    name: str
    own: bool


class ModelList(BaseModel):
    """A page, by name."""

    items: list[ModelAnswer]
    next_cursor: str | None


def stored_rules(given: AliasPut) -> tuple[AliasRule, ...]:
    """The rules as they are kept."""
    return msgspec.convert(given.model_dump()["rules"], tuple[AliasRule, ...])


def shown_rules(stored: Any) -> list[AliasRuleFields]:
    """And as they are answered."""
    return [AliasRuleFields(**rule) for rule in stored]
