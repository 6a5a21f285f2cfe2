"""The routing table: what an installation declares once for all keys, as `relay` reads it. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

Capability = Literal["tools", "vision", "structured_output", "thinking"]


class When(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must hold of a request, all of it; what is empty or None always holds.

    `teams` are ids, `tags` those of keys (one of them is enough), `headers` lower-case names with
    the value that is asked for; `input_tokens` are as estimated from the body.
    """

    teams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    input_tokens_min: int | None = None
    input_tokens_max: int | None = None
    tools: bool | None = None
    images: bool | None = None


ALWAYS = When()


class Asking(msgspec.Struct):
    """What conditions look at; what costs something to learn is only asked for when needed."""

    team_id: str | None
    tags: Sequence[str]
    header: Callable[[str], str | None]
    input_tokens: Callable[[], int]
    # Whether it has tools, and whether images.
    content: Callable[[], tuple[bool, bool]]


class AliasRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """To which models a request goes, each with its weight, where the condition holds."""

    models: dict[str, int]
    when: When = ALWAYS


class ModelEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a model; None is not known. `deprecated_on` is a date, YYYY-MM-DD.

    `capabilities` are `Capability` and what a newer release may add to them.
    """

    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[str, ...] | None = None
    deprecated_on: str | None = None
    successor: str | None = None


class RoutingTable(msgspec.Struct, frozen=True, omit_defaults=True):
    """`groups`: of each group's id the ids of its accounts. `aliases`: rules, the first that holds.

    `models`: what the operator says of models, in place of what Relay knows.
    """

    groups: dict[str, tuple[str, ...]] = {}
    aliases: dict[str, tuple[AliasRule, ...]] = {}
    models: dict[str, ModelEntry] = {}


EMPTY_TABLE = RoutingTable()


def holds(when: When, asking: Asking) -> bool:
    """Whether the condition holds; the body is looked at last, and only if it matters."""
    if when is ALWAYS:
        return True
    if when.teams and asking.team_id not in when.teams:
        return False
    if when.tags and not set(when.tags) & set(asking.tags):
        return False
    if any(asking.header(name) != value for name, value in when.headers.items()):
        return False
    if when.input_tokens_min is not None and asking.input_tokens() < when.input_tokens_min:
        return False
    if when.input_tokens_max is not None and asking.input_tokens() > when.input_tokens_max:
        return False
    if when.tools is None and when.images is None:
        return True
    tools, images = asking.content()
    return when.tools in (None, tools) and when.images in (None, images)


def target_of(rules: Sequence[AliasRule], asking: Asking, seed: str) -> str | None:
    """The model that an alias stands for in this request; None where no rule holds.

    `seed` decides among several: of many seeds each model gets its weight's part.
    """
    for rule in rules:
        if holds(rule.when, asking):
            return _drawn(rule.models, seed)
    return None


def _drawn(models: dict[str, int], seed: str) -> str:
    if len(models) == 1:
        return next(iter(models))
    digest = hashlib.blake2b(f"split:{seed}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest) % sum(models.values())
    for model in sorted(models):  # Postgres keeps no order in a map
        point -= models[model]
        if point < 0:
            return model
    raise AssertionError("the point lies below the sum of the weights")


def narrowed_table(old: RoutingTable, new: RoutingTable) -> RoutingTable:
    """The old table with the accounts that a group has under both."""
    groups = {
        group: tuple(one for one in ids if one in new.groups.get(group, ids))
        for group, ids in old.groups.items()
    }
    return msgspec.structs.replace(old, groups=groups)
