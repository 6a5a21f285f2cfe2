"""What a team or key says about redaction, checked; and the plan that a request follows."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import msgspec

from common.domain.field_errors import FieldError, InvalidPolicy, converted
from common.redaction.entities import (
    ENTITY_NAME,
    ENTITY_NAME_CHARACTERS_MAX,
    GROUPS,
    MODEL_ENTITIES,
    PATTERN_ENTITIES,
)

# `mask` can be put back, `redact` cannot, `block` refuses the request, `observe` only counts.
Action = Literal["mask", "redact", "block", "observe"]
# `patterns` never asks the function `pii`; `model` asks it as well.
Tier = Literal["patterns", "model"]
# What becomes of a request while `pii` gives no answer: refused, patterns alone, or as it is.
FailMode = Literal["deny", "regex_only", "allow"]
STRENGTHS: Mapping[str, int] = {"block": 3, "redact": 2, "mask": 1, "observe": 0}
CUSTOM_MAX = 50
ALLOWED_MAX = 1000
ALLOWED_CHARACTERS_MAX = 256
REGIONS_MAX = 10


class CustomPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entity of a team's own: its name in capitals, its pattern in RE2's syntax."""

    entity: str
    pattern: str
    score: float = 0.95


class RedactionPolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is searched, and what becomes of what is found.

    `entities` names entities or groups (`SECRETS`); an entity's own name goes before its group's.
    `allow` lists values that are left alone, whatever their case. `regions` are the countries
    whose national phone numbers are meant where a number names none.
    """

    entities: dict[str, Action] = {}
    tier: Tier = "patterns"
    on_failure: FailMode = "deny"
    allow: tuple[str, ...] = ()
    threshold: float = 0.5
    custom: tuple[CustomPattern, ...] = ()
    regions: tuple[str, ...] = ("US",)
    output: bool = False


class Plan(msgspec.Struct, frozen=True, dict=True):
    """A checked policy as a request follows it: which action for which entity, who is asked."""

    policy: RedactionPolicy
    actions: dict[str, Action]

    @cached_property
    def pattern_entities(self) -> frozenset[str]:
        """Entities that the patterns of `relay` find."""
        custom = {one.entity for one in self.policy.custom}
        return frozenset(self.actions) & (PATTERN_ENTITIES | custom)

    @cached_property
    def model_entities(self) -> frozenset[str]:
        """Entities that the function `pii` is asked for; none in the tier `patterns`."""
        return frozenset(self.actions) & MODEL_ENTITIES if self.policy.tier == "model" else _NONE

    @property
    def is_empty(self) -> bool:
        """Whether nothing is searched at all."""
        return not self.actions

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Values that are left alone, case-folded."""
        return frozenset(value.casefold() for value in self.policy.allow)

    def strength(self, entity: str) -> int:
        """Whose finding wins where two overlap."""
        return STRENGTHS[self.actions[entity]]


_NONE: frozenset[str] = frozenset()


def read_policy(value: Any) -> RedactionPolicy:
    """A policy from JSON values. Raises `InvalidPolicy` naming each field at fault."""
    policy = converted(value, RedactionPolicy, "redaction")
    plan(policy)
    return policy


def plan(policy: RedactionPolicy) -> Plan:
    """What follows from a policy. Raises `InvalidPolicy`."""
    errors = [*_entity_errors(policy), *_custom_errors(policy), *_other_errors(policy)]
    if errors:
        raise InvalidPolicy(errors)
    actions: dict[str, Action] = {}
    for name, action in policy.entities.items():
        for entity in GROUPS.get(name, ()):
            if entity not in policy.entities:
                actions[entity] = _stronger(actions.get(entity), action)
        if name not in GROUPS:
            actions[name] = action
    return Plan(policy, dict(sorted(actions.items())))


def _stronger(one: Action | None, other: Action) -> Action:
    return other if one is None or STRENGTHS[other] > STRENGTHS[one] else one


def _entity_errors(policy: RedactionPolicy) -> list[FieldError]:
    own = {one.entity for one in policy.custom}
    errors = []
    for name in policy.entities:
        field = f"entities.{name[:60]}"
        if name in MODEL_ENTITIES and policy.tier != "model":
            errors.append(
                FieldError(field, "only the language model finds it: set tier to 'model'")
            )
        elif name not in PATTERN_ENTITIES | MODEL_ENTITIES | own and name not in GROUPS:
            known = ", ".join(sorted(PATTERN_ENTITIES | MODEL_ENTITIES | set(GROUPS)))
            errors.append(
                FieldError(field, f"unknown entity; known are {known} and those in custom")
            )
    return errors


def _custom_errors(policy: RedactionPolicy) -> list[FieldError]:
    errors = []
    if len(policy.custom) > CUSTOM_MAX:
        errors.append(
            FieldError("custom", f"at most {CUSTOM_MAX} patterns, not {len(policy.custom)}")
        )
    for place, one in enumerate(policy.custom[:CUSTOM_MAX]):
        field = f"custom[{place}]"
        name = one.entity
        if not ENTITY_NAME.fullmatch(name) or len(name) > ENTITY_NAME_CHARACTERS_MAX:
            message = f"capitals, digits and single _, at most {ENTITY_NAME_CHARACTERS_MAX}"
            errors.append(FieldError(f"{field}.entity", message))
        elif name in PATTERN_ENTITIES | MODEL_ENTITIES or name in GROUPS:
            errors.append(FieldError(f"{field}.entity", f"{name} is built in; choose another name"))
        elif name not in policy.entities:
            message = f"has no action: add {name} to entities"
            errors.append(FieldError(f"{field}.entity", message))
        if not 0 < one.score <= 1:
            errors.append(FieldError(f"{field}.score", "must be above 0 and at most 1"))
        errors += _pattern_errors(f"{field}.pattern", one)
    return errors


def _pattern_errors(field: str, one: CustomPattern) -> list[FieldError]:
    from common.redaction.detectors.custom import CustomDetector, InvalidPattern

    try:
        CustomDetector(one.entity, one.pattern)
    except InvalidPattern as error:
        return [FieldError(field, str(error))]
    return []


def _other_errors(policy: RedactionPolicy) -> list[FieldError]:
    errors = []
    if len(policy.allow) > ALLOWED_MAX:
        errors.append(FieldError("allow", f"at most {ALLOWED_MAX} values, not {len(policy.allow)}"))
    for place, value in enumerate(policy.allow[:ALLOWED_MAX]):
        if not value.strip() or len(value) > ALLOWED_CHARACTERS_MAX:
            message = f"must have 1 to {ALLOWED_CHARACTERS_MAX} characters"
            errors.append(FieldError(f"allow[{place}]", message))
    if not 0 <= policy.threshold <= 1:
        errors.append(FieldError("threshold", "must be from 0 to 1"))
    if len(policy.regions) > REGIONS_MAX:
        errors.append(FieldError("regions", f"at most {REGIONS_MAX}, not {len(policy.regions)}"))
    for place, region in enumerate(policy.regions[:REGIONS_MAX]):
        if not re.fullmatch("[A-Z]{2}", region):
            message = "must be two capital letters of ISO 3166, e.g. US"
            errors.append(FieldError(f"regions[{place}]", message))
    return errors
