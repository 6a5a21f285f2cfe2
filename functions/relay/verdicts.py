"""Verdicts of content policies: told to metrics, log, record and caller, never with the text."""

from collections.abc import Iterable, Sequence
from typing import Literal

from common.domain.content_policy import Phase, Webhook
from common.domain.refusals import Reason, Refusal, Refused
from common.guardrails.webhooks import Judged, NoVerdict
from common.guardrails.whole_texts import Text
from common.telemetry import catalogue, logs
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services

# So many are told of one request, in a header and in its record.
NAMES_MAX = 20
By = Literal["size", "pattern", "webhook"]
_WHAT: dict[Phase, str] = {"input": "request", "output": "answer"}


def flag(request: OpenRequest, phase: Phase, names: Iterable[str]) -> None:
    """Patterns matched that only say so."""
    for name in names:
        _flag(request, phase, "pattern", name)


def blocked_by_pattern(request: OpenRequest, phase: Phase, name: str, field: str = "") -> Refused:
    """A pattern matched that blocks."""
    told(request, phase, "pattern", "block", name)
    _add(request, name)
    message = f"A content policy blocks this {_WHAT[phase]}: its pattern {name} matches"
    return Refused(Refusal(Reason.CONTENT_BLOCKED, message, field=field or None))


async def ask(
    services: Services,
    request: OpenRequest,
    webhooks: Sequence[Webhook],
    phase: Phase,
    texts: Sequence[Text],
    *,
    too_long: bool = False,
) -> None:
    """Ask one webhook after the other. Raises `Refused` for what one blocks.

    `too_long`: not all of the text is there, so that none can be asked. Where there is no text
    (vectors, a job that has just begun) there is nothing to ask.
    """
    if not texts and not too_long:
        return
    from functions.relay.guardrail import judge

    for webhook in webhooks:
        if too_long:
            _go_without(request, webhook, phase, "there is more text than it is sent")
            continue
        try:
            judged = await judge(services, request, webhook, phase, texts)
        except NoVerdict as error:
            _go_without(request, webhook, phase, str(error))
        else:
            _heed(request, phase, judged)


def told(request: OpenRequest, phase: Phase, by: By, verdict: str, what: str) -> None:
    """Count and log a verdict; `what` is a pattern's name, a label or a cause."""
    catalogue.CONTENT_VERDICTS.increment(phase=phase, by=by, verdict=verdict)
    logs.log(
        "content_verdict",
        level="warning" if verdict == "unavailable" else "info",
        request_id=request.id,
        key_id=request.key.id if request.key is not None else None,
        endpoint=request.endpoint.name if request.endpoint is not None else None,
        phase=phase,
        by=by,
        verdict=verdict,
        what=what,
    )


def _go_without(request: OpenRequest, webhook: Webhook, phase: Phase, why: str) -> None:
    """As the webhook's fail mode says."""
    told(request, phase, "webhook", "unavailable", why)
    if webhook.on_failure == "block":
        message = f"The guardrail that judges each {_WHAT[phase]} gave no verdict"
        raise Refused(Refusal(Reason.GUARDRAIL_UNAVAILABLE, message))
    _add(request, "unjudged")


def _heed(request: OpenRequest, phase: Phase, judged: Judged) -> None:
    if judged.verdict == "flag":
        _flag(request, phase, "webhook", judged.label or "webhook")
    elif judged.verdict == "block":
        told(request, phase, "webhook", "block", judged.label)
        _add(request, judged.label or "webhook")
        message = f"The guardrail blocks this {_WHAT[phase]}"
        if judged.reason:
            message += f": {judged.reason}"
        raise Refused(Refusal(Reason.CONTENT_BLOCKED, message))


def _flag(request: OpenRequest, phase: Phase, by: By, name: str) -> None:
    if name not in request.content_flags:
        told(request, phase, by, "flag", name)
        _add(request, name)


def _add(request: OpenRequest, name: str) -> None:
    if name not in request.content_flags and len(request.content_flags) < NAMES_MAX:
        request.content_flags = (*request.content_flags, name)
