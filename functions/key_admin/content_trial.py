"""What rules of content make of a text. It is looked at in memory and goes nowhere else."""

import asyncio
import os
from collections.abc import Generator, Sequence
from typing import Any, Literal, TypeVar

from common.domain.content_policy import ContentPolicy, read_content_policy
from common.domain.linear_patterns import compiled
from common.redaction.found import Found
from common.redaction.model_findings import ModelFinder, ModelUnavailable
from common.redaction.placeholders import Placeholders, redacted
from common.redaction.planned import scanner
from common.redaction.policy import Plan, plan, read_policy
from functions.key_admin.models.content_trial import ContentTried, TrialFinding, TrialVerdict

# Whose placeholders a trial shows: nobody's, and with a fresh key other ones each time, so that
# nobody tests by it what stands behind a tenant's.
_TENANT = "trial"
_Result = TypeVar("_Result")
Model = Literal["not_needed", "asked", "not_asked"]


async def try_rules(
    text: str,
    redaction: dict[str, Any] | None,
    policies: Sequence[dict[str, Any]],
    finder: ModelFinder | None,
) -> ContentTried:
    """What becomes of a request's text by a redaction and by content policies.

    Raises `InvalidPolicy`.
    """
    verdicts: list[TrialVerdict] = []
    for policy in policies:
        verdicts += await _judged(text, read_content_policy(policy))
    # Without one nothing is searched.
    followed = plan(read_policy(redaction or {}))
    findings, model = await _found(text, followed, finder)
    entities = dict.fromkeys(one.entity for one in findings)
    verdicts += [
        TrialVerdict(by="redaction", rule=entity, verdict="block", where="input")
        for entity in entities
        if followed.actions[entity] == "block"
    ]
    refused = any(one.verdict == "block" and one.where != "output" for one in verdicts)
    return ContentTried(
        findings=[
            TrialFinding(**one._asdict(), action=followed.actions[one.entity]) for one in findings
        ],
        redacted_text=None if refused else _replaced(text, findings, followed),
        verdicts=verdicts,
        model=model,
    )


async def _judged(text: str, policy: ContentPolicy) -> list[TrialVerdict]:
    most, found = policy.input_characters_max, []
    if most is not None and len(text) > most:
        rule = "input_characters_max"
        found.append(TrialVerdict(by="content_policy", rule=rule, verdict="block", where="input"))
    for one in policy.patterns:
        if compiled(one.pattern).search(text) is not None:
            rule, verdict = one.name, one.verdict
            found.append(
                TrialVerdict(by="content_policy", rule=rule, verdict=verdict, where=one.where)
            )
        await asyncio.sleep(0)
    return found


async def _found(
    text: str, followed: Plan, finder: ModelFinder | None
) -> tuple[list[Found], Model]:
    if followed.is_empty:
        return [], "not_needed"
    scanned = scanner(followed)
    findings = await _in_steps(scanned.steps(text))
    if not followed.model_entities:
        return findings, "not_needed"
    if finder is None:
        return findings, "not_asked"
    try:
        [more] = await finder.find([text], followed.model_entities, _TENANT)
    except ModelUnavailable:
        return findings, "not_asked"
    return scanned.merge(findings, _that_count(text, more, followed)), "asked"


def _that_count(text: str, found: Sequence[Found], followed: Plan) -> list[Found]:
    return [
        one
        for one in found
        if one.score >= followed.policy.threshold
        and text[one.start : one.end].casefold() not in followed.allowed
    ]


async def _in_steps(steps: Generator[None, None, _Result]) -> _Result:
    """Other calls are served between the steps."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        await asyncio.sleep(0)


def _replaced(text: str, findings: Sequence[Found], followed: Plan) -> str:
    placeholders = Placeholders(os.urandom(32), _TENANT)
    placeholders.avoid(text.encode("utf-8", "surrogatepass"))
    parts, since = [], 0
    for one in findings:
        action = followed.actions[one.entity]
        if action == "mask":
            new = placeholders.of(one.entity, text[one.start : one.end])
        elif action == "redact":
            new = redacted(one.entity)
        else:
            continue
        parts += [text[since : one.start], new]
        since = one.end
    return "".join([*parts, text[since:]])
