"""A request's body, redacted: what is found in each place, and what becomes of it."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

from common.redaction.found import Found
from common.redaction.placeholders import Placeholders, redacted
from common.redaction.places import Place, collect
from common.redaction.policy import Action, Plan
from common.redaction.rewriting import Replacement, rewrite
from common.redaction.scanning import Scanner
from common.redaction.shapes import Shape

STEP_FINDINGS = 100
FoundIn = Sequence[tuple[Place, Sequence[Found]]]


class Blocked(NamedTuple):
    """What a request is refused for: the entity, and the field where it stands; never the text."""

    entity: str
    field: str


class Outcome(NamedTuple):
    """The body to go on with, what was done how often, and what forbids to go on."""

    body: bytes
    counts: Counter[tuple[str, Action]]
    blocked: tuple[Blocked, ...]


def redact(
    body: bytes, shape: Shape, scanner: Scanner, plan: Plan, placeholders: Placeholders
) -> Generator[None, None, Outcome]:
    """The patterns' tier as a whole; yields after each piece of work.

    With a language model, the caller takes the three steps itself: `places.collect`, for each
    place `scanner.steps` and `scanner.merge` with the model's findings, then `apply`.
    """
    places = yield from collect(body, shape)
    found: list[tuple[Place, list[Found]]] = []
    for place in places:
        findings = yield from scanner.steps(place.text)
        if findings:
            found.append((place, findings))
    return (yield from apply(body, found, plan, placeholders))


def apply(
    body: bytes,
    found: FoundIn,
    plan: Plan,
    placeholders: Placeholders,
) -> Generator[None, None, Outcome]:
    """Do with the findings of each place (in order, without overlaps) what the plan says.

    A request with a blocked entity is not rewritten: it does not go on.
    """
    counts: Counter[tuple[str, Action]] = Counter()
    blocked: list[Blocked] = []
    for number, (place, one) in enumerate(_each(found), 1):
        if number % STEP_FINDINGS == 0:
            yield
        action = plan.actions[one.entity]
        counts[one.entity, action] += 1
        if action == "block":
            blocked.append(Blocked(one.entity, _field(place)))
    if blocked:
        return Outcome(body, counts, tuple(dict.fromkeys(blocked)))
    placeholders.avoid(body)
    changes: list[tuple[Place, list[Replacement]]] = []
    for number, (place, one) in enumerate(_each(found), 1):
        if number % STEP_FINDINGS == 0:
            yield
        new = _replacement(place.text, one, plan, placeholders)
        if new is not None:
            if not changes or changes[-1][0] is not place:
                changes.append((place, []))
            changes[-1][1].append(new)
    new_body = yield from rewrite(body, changes)
    while changes:  # to let go of so much at once is long work too
        del changes[-STEP_FINDINGS:]
        yield
    return Outcome(new_body, counts, ())


def _field(place: Place) -> str:
    """Where a place stands, from the body's top."""
    outer = place.within.path if place.within is not None else ""
    return ".".join(filter(None, (outer, place.path)))


def _each(found: FoundIn) -> Iterator[tuple[Place, Found]]:
    return ((place, one) for place, findings in found for one in findings)


def _replacement(
    text: str, found: Found, plan: Plan, placeholders: Placeholders
) -> Replacement | None:
    start, end, entity, _score = found
    action = plan.actions[entity]
    if action == "mask":
        return Replacement(start, end, placeholders.of(entity, text[start:end]))
    return Replacement(start, end, redacted(entity)) if action == "redact" else None
