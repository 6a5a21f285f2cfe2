"""Content policies: how long a request's text may be, what it may say, and who is asked of it."""

from collections.abc import Generator, Iterator, Sequence
from functools import partial

from common.dialects.base import BadRequest
from common.domain.content_policy import read_content_policy
from common.domain.content_rules import ContentRules, content_policies_of
from common.domain.refusals import Reason, Refusal, Refused
from common.guardrails.message_texts import request_texts, texts_of
from common.guardrails.policies import Guard, guard_of
from common.guardrails.whole_texts import Text, check
from common.redaction.file_places import file_places
from functions.relay import verdicts
from functions.relay.caller_body import refusal_of
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services
from functions.relay.stepping import in_steps, made_once

_KEPT_AS = "content_policy.guards"
_KEPT_MAX = 32


async def guard_for(levels: Sequence[ContentRules]) -> Guard:
    """What the levels say together, compiled once for as long as they say it."""
    saying = content_policies_of(levels)
    # Keys are many and come with one team: what is kept with the nearest level holds no other key.
    # That may say the same beside other levels, which are told by what they are as objects.
    kept = saying[0].__dict__.setdefault(_KEPT_AS, {})
    which = tuple(map(id, saying))
    if which not in kept and len(kept) >= _KEPT_MAX:
        kept.clear()
    _, guard = await made_once(kept, which, lambda: (saying, _guard_of(saying)))
    return guard


def _guard_of(saying: Sequence[ContentRules]) -> Guard:
    return guard_of([read_content_policy(one.content_policy) for one in saying])


async def check_input(request: OpenRequest, guard: Guard) -> None:
    """The caller's own text, before anything is redacted. Raises `Refused`."""
    if guard.checks_input:
        texts = request_texts(request.body, request.content_type, _endpoint(request))
        await _check(request, guard, texts)


async def judge_input(services: Services, request: OpenRequest, guard: Guard) -> None:
    """What webhooks say of the text as it may leave. Raises `Refused`."""
    if guard.input_webhooks:
        found = request_texts(request.body, request.content_type, _endpoint(request))
        try:
            texts = await in_steps(_listed(found))
        except BadRequest as error:
            raise Refused(refusal_of(error)) from None
        await verdicts.ask(services, request, guard.input_webhooks, "input", texts)


async def check_file(request: OpenRequest, guard: Guard, content: bytes, field: str) -> None:
    """A file that requests are read from, or that they may name. Raises `Refused`."""
    if guard.checks_input:
        await _check(request, guard, texts_of(await in_steps(file_places(content, field))))


async def judge_file(
    services: Services, request: OpenRequest, guard: Guard, content: bytes, field: str
) -> None:
    """What webhooks say of a file. Raises `Refused`."""
    if guard.input_webhooks:
        texts = await in_steps(_listed(texts_of(await in_steps(file_places(content, field)))))
        await verdicts.ask(services, request, guard.input_webhooks, "input", texts)


async def _check(request: OpenRequest, guard: Guard, texts: Iterator[Text | None]) -> None:
    most = guard.input_characters_max
    request_of = partial(_request_of, _endpoint(request))
    try:
        outcome = await in_steps(check(texts, guard.input_patterns, most, request_of=request_of))
    except BadRequest as error:
        raise Refused(refusal_of(error)) from None
    verdicts.flag(request, "input", outcome.flagged)
    if most is not None and outcome.characters > most:
        verdicts.told(request, "input", "size", "block", "input_characters_max")
        message = (
            f"The request's text has {outcome.characters} characters; the content policy that "
            f"holds for this key allows {most}"
        )
        raise Refused(Refusal(Reason.CONTENT_BLOCKED, message))
    if outcome.blocked is not None:
        raise verdicts.blocked_by_pattern(request, "input", *outcome.blocked)


def _request_of(endpoint: str, field: str) -> str:
    """Which request of a batch a field is of: by the list's index, or by the file's line."""
    if endpoint == "messages.batches":
        return field.partition(".")[0]
    return field.partition(":")[0] if endpoint in ("batches", "files") else ""


def watch_output(services: Services, request: OpenRequest, guard: Guard) -> None:
    """Have the answer checked on its way, before redaction's values are put back."""
    if guard.watches_output:
        from functions.relay.output_checks import OutputChecks

        request.layers = (OutputChecks(services, request, guard), *request.layers)


def _listed(texts: Iterator[Text | None]) -> Generator[None, None, list[Text]]:
    listed = []
    for one in texts:
        if one is None:
            yield
        else:
            listed.append(one)
    return listed


def _endpoint(request: OpenRequest) -> str:
    return request.endpoint.name if request.endpoint is not None else ""
