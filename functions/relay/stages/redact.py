"""Redact: what a policy names is found in the request and replaced, and put back in its answer.

The request goes on with another body: whatever comes after this stage sees no other. Which value
stands behind which placeholder is known to this request alone, and forgotten with it.
"""

import re
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from common.dialects.base import FORM, BadRequest
from common.domain.content_rules import ContentRules
from common.domain.refusals import Reason, Refusal, Refused
from common.redaction.answers import AnswerRedaction
from common.redaction.answers_in_json import asks_for_json
from common.redaction.entities import MODEL_ENTITIES, PATTERN_ENTITIES
from common.redaction.form_places import form_places
from common.redaction.found import Found
from common.redaction.model_findings import ModelUnavailable
from common.redaction.placeholders import Placeholders
from common.redaction.places import Place, collect
from common.redaction.planned import scanner
from common.redaction.policy import Action, Plan, plan, read_policy
from common.redaction.redacting import Blocked, Outcome, apply
from common.redaction.scanning import Scanner
from common.redaction.shapes import ANSWERS, REQUESTS
from common.telemetry import catalogue, logs
from functions.relay.caller_body import refusal_of
from functions.relay.open_request import OpenRequest
from functions.relay.redacted_answers import RedactedAnswer
from functions.relay.services import Services
from functions.relay.stepping import in_steps, made_once

NAMED_MAX = 5
MODEL_RETRY_MS = 1_000
_KEPT = "redaction engine"
_PLACEHOLDER = re.compile(r"(?:[A-Z0-9]+_)+[0-9A-Z]{8,}|REDACTED(?:_[A-Z0-9]+)+")


class Engine(NamedTuple):
    """A policy as requests follow it."""

    plan: Plan
    scanner: Scanner


async def engine_of(rules: ContentRules) -> Engine:
    """Made once for as long as the level says the same, in a thread: libraries are imported."""
    return await made_once(rules.__dict__, _KEPT, lambda: _engine(rules.redaction or {}))


def _engine(policy: dict[str, Any]) -> Engine:
    made = plan(read_policy(policy))
    return Engine(made, scanner(made))


async def redact_request(services: Services, request: OpenRequest, rules: ContentRules) -> None:
    """Replace `request.body` and `request.parsed` by what may leave. Raises `Refused`."""
    engine = await engine_of(rules)
    if engine.plan.is_empty:
        return
    if request.endpoint is None or request.operation is None or request.parsed is None:
        raise ValueError("only a parsed request is redacted")
    placeholders = Placeholders(services.placeholder_key, request.tenant)
    is_form = request.operation.media_type == FORM
    shape = REQUESTS.get(request.endpoint.name)
    if is_form:
        try:
            places = form_places(request.body, request.content_type)
        except BadRequest as error:
            raise Refused(refusal_of(error)) from None
    elif shape is not None:
        places = await in_steps(collect(request.body, shape))
    else:
        raise ValueError(f"no place of text is known of {request.endpoint.name}")
    body = await redact_places(services, request, engine, request.body, places, placeholders)
    if body is not request.body:
        request.body, request.body_size = body, len(body)
        if request.endpoint.name != "batches":  # whose file says what it asks for
            try:
                request.parsed = request.operation.parse_request(body, request.content_type)
            except BadRequest as error:
                raise Refused(refusal_of(error)) from None
    _wrap_answer(request, engine, placeholders)


async def redact_places(
    services: Services,
    request: OpenRequest,
    engine: Engine,
    body: bytes,
    places: Sequence[Place],
    placeholders: Placeholders,
) -> bytes:
    """The body with what is found in its places replaced. Raises `Refused`."""
    found = await found_in(services, request, engine, places)
    outcome: Outcome = await in_steps(apply(body, found, engine.plan, placeholders))
    for (entity, action), count in outcome.counts.items():
        _count(request, entity, action, count)
    if outcome.blocked:
        raise Refused(_blocked(outcome.blocked))
    return outcome.body if outcome.body != body else body


async def found_in(
    services: Services, request: OpenRequest, engine: Engine, places: Sequence[Place]
) -> list[tuple[Place, Sequence[Found]]]:
    """What is found in each place, without overlaps; places without findings are left out.

    Nothing where the language model is silent and the policy lets all go as it is. Raises
    `Refused`.
    """
    by_model: list[list[Found]] = [[] for _ in places]
    if engine.plan.model_entities:
        asked = await _ask_model(services, request, engine, places)
        if asked is None:
            return []
        by_model = asked
    return await in_steps(_search(engine.scanner, places, by_model))


def _search(
    scanner: Scanner, places: Sequence[Place], by_model: Sequence[Sequence[Found]]
) -> Generator[None, None, list[tuple[Place, Sequence[Found]]]]:
    """The patterns' findings with the model's; yields between pieces of work."""
    found: list[tuple[Place, Sequence[Found]]] = []
    for place, model in zip(places, by_model, strict=True):
        findings = yield from scanner.steps(place.text)
        if model:
            findings = scanner.merge(findings, model)
        if findings:
            found.append((place, findings))
    return found


async def _ask_model(
    services: Services, request: OpenRequest, engine: Engine, places: Sequence[Place]
) -> list[list[Found]] | None:
    """What the language model finds, of each place; None where all goes as it is.

    Raises `Refused`.
    """
    policy, wanted = engine.plan.policy, engine.plan.model_entities
    try:
        found = await _asked(services, request, [place.text for place in places], wanted)
    except ModelUnavailable as error:
        catalogue.MODEL_UNAVAILABLE.increment(outcome=policy.on_failure)
        logs.log(
            "redaction_model_unavailable",
            level="warning",
            request_id=request.id,
            reason=error.reason,
            outcome=policy.on_failure,
        )
        if policy.on_failure == "deny":
            message = (
                "The text cannot be searched for names at the moment, and the redaction policy of "
                "this API key lets nothing pass unsearched; try again"
            )
            refusal = Refusal(Reason.PII_UNAVAILABLE, message, retry_after_ms=MODEL_RETRY_MS)
            raise Refused(refusal) from None
        if policy.on_failure == "allow":
            return None
        return [[] for _ in places]
    allowed = engine.plan.allowed
    return [
        [
            one
            for one in findings
            if one.score >= policy.threshold
            and one.entity in wanted
            and _is_value(place.text[one.start : one.end], allowed)
        ]
        for place, findings in zip(places, found, strict=True)
    ]


def _is_value(text: str, allowed: frozenset[str]) -> bool:
    """Whether it is neither allowed nor a placeholder, which a model may take for a name."""
    return text.casefold() not in allowed and not _PLACEHOLDER.fullmatch(text)


async def _asked(
    services: Services, request: OpenRequest, texts: list[str], wanted: frozenset[str]
) -> list[list[Found]]:
    finder = services.model_finder
    if finder is None:
        raise ModelUnavailable("RELAY_PII_URL is not set")
    return await finder.find(texts, wanted, request.tenant)


def _wrap_answer(request: OpenRequest, engine: Engine, placeholders: Placeholders) -> None:
    endpoint = request.endpoint.name if request.endpoint is not None else ""
    output = engine.plan.policy.output
    if endpoint not in ANSWERS or not (placeholders.values or output):
        return
    answer = AnswerRedaction(
        placeholders.values,
        engine.plan,
        engine.scanner if output else None,
        in_json=asks_for_json(endpoint, request.body),
        count=lambda entity, action: _count(request, entity, action, 1),
    )
    request.layers = (*request.layers, RedactedAnswer(endpoint, answer))


def _count(request: OpenRequest, entity: str, action: Action, count: int) -> None:
    request.redactions += count
    known = entity in PATTERN_ENTITIES or entity in MODEL_ENTITIES
    catalogue.REDACTIONS.increment(count, entity=entity if known else "custom", action=action)


def _blocked(blocked: Sequence[Blocked]) -> Refusal:
    """Names entity and field, never the text."""
    named = ", ".join(f"{one.entity} in {one.field}" for one in blocked[:NAMED_MAX])
    more = f" and {len(blocked) - NAMED_MAX} more" if len(blocked) > NAMED_MAX else ""
    message = (
        f"The request holds {named}{more}, which the redaction policy of this API key does not "
        "let pass: take it out"
    )
    return Refusal(Reason.PII_BLOCKED, message, field=blocked[0].field)
