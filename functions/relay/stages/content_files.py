"""Files under rules of content: an upload is read whole, a batch's file before it is made."""

from typing import TYPE_CHECKING

from common.asgi import BodyTooLarge
from common.dialects.base import BadRequest
from common.dialects.forms import Part, read_form
from common.domain.content_rules import ContentRules, content_policies_of, redaction_of
from common.domain.refusals import Refused
from functions.relay.caller_body import CallerBody, refusal_of
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services

if TYPE_CHECKING:
    from common.guardrails.policies import Guard


async def checked_upload(
    services: Services, request: OpenRequest, body: CallerBody
) -> bytes | None:
    """The form as it may leave; None where nobody says anything of it, and it was not read.

    Raises `Refused`, `ConnectionResetError`.
    """
    redaction = redaction_of(request.content)
    guard = None
    if content_policies_of(request.content):
        from functions.relay.stages import content_policy

        guard = await content_policy.guard_for(request.content)
    if redaction is None and guard is None:
        return None
    form = await _read(services, request, body)
    try:
        return await _checked(services, request, form, guard, redaction)
    except BadRequest as error:
        raise Refused(refusal_of(error)) from None


async def _checked(
    services: Services,
    request: OpenRequest,
    form: bytes,
    guard: "Guard | None",
    redaction: ContentRules | None,
) -> bytes:
    if guard is not None:
        from functions.relay.stages import content_policy

        for part, name in _files(form, request):
            content = form[part.start : part.end]
            await content_policy.check_file(request, guard, content, name)
    if redaction is not None:
        from functions.relay.stages.redact_files import redacted_upload

        form = await redacted_upload(services, request, form, redaction)
    if guard is not None:
        for part, name in _files(form, request):
            content = form[part.start : part.end]
            await content_policy.judge_file(services, request, guard, content, name)
    return form


async def check_batch(services: Services, request: OpenRequest, file: bytes) -> None:
    """The file that a batch's requests stand in. Raises `Refused`, `BadRequest`."""
    guard = None
    if content_policies_of(request.content):
        from functions.relay.stages import content_policy

        guard = await content_policy.guard_for(request.content)
        await content_policy.check_file(request, guard, file, "input_file_id")
    if (redaction := redaction_of(request.content)) is not None:
        from functions.relay.stages.redact_files import check_batch_file

        await check_batch_file(services, request, file, redaction)
    if guard is not None:
        await content_policy.judge_file(services, request, guard, file, "input_file_id")


async def _read(services: Services, request: OpenRequest, body: CallerBody) -> bytes:
    services.heartbeat.reading[request.id] = request
    try:
        form = await body.read_rest()
        read_form(form, request.content_type)
    except (BodyTooLarge, BadRequest) as error:
        raise Refused(refusal_of(error)) from None
    finally:
        services.heartbeat.reading.pop(request.id, None)
    return form


def _files(form: bytes, request: OpenRequest) -> list[tuple[Part, str]]:
    parts = read_form(form, request.content_type).parts
    return [(part, part.name[:64]) for part in parts if part.is_file]
