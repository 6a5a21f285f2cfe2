"""Files: what is text in an upload is redacted; a batch's file is looked at once more.

A file is kept by its provider and used by other requests than the one that brought it, so nothing
that a batch writes can be put back: who stands behind a placeholder is forgotten with the upload.
"""

from common.dialects.forms import Part, read_form
from common.domain.content_rules import ContentRules
from common.domain.refusals import Reason, Refusal, Refused
from common.redaction.file_places import file_places
from common.redaction.form_places import form_places
from common.redaction.placeholders import Placeholders
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services
from functions.relay.stages.redact import Engine, engine_of, found_in, redact_places
from functions.relay.stepping import in_steps

# Searching takes some 0.2 s of a core a megabyte: no upload shall keep others waiting for longer.
SEARCHED_BYTES_MAX = 8 * 1024 * 1024


async def redacted_upload(
    services: Services, request: OpenRequest, form: bytes, rules: ContentRules
) -> bytes:
    """The form with its file, redacted. Raises `Refused`, and `BadRequest` for what is no form."""
    engine = await engine_of(rules)
    if engine.plan.is_empty:
        return form
    parts = read_form(form, request.content_type).parts
    places = form_places(form, request.content_type)
    placeholders = Placeholders(services.placeholder_key, request.tenant)
    # From the last to the first: what stands before a changed file stays where it is.
    for part in reversed([one for one in parts if one.is_file]):
        content = await _redacted_file(services, request, engine, form, part, placeholders)
        if content is not None:
            form = form[: part.start] + content + form[part.end :]
            places = form_places(form, request.content_type)
    return await redact_places(services, request, engine, form, places, placeholders)


async def _redacted_file(
    services: Services,
    request: OpenRequest,
    engine: Engine,
    form: bytes,
    part: Part,
    placeholders: Placeholders,
) -> bytes | None:
    """The file's bytes if they are others than they were. Raises `Refused`."""
    content = form[part.start : part.end]
    places = await in_steps(file_places(content, part.name[:64]))
    if places and len(content) > SEARCHED_BYTES_MAX:
        most = SEARCHED_BYTES_MAX // (1024 * 1024)
        message = f"A file of text may have {most} MiB where it is redacted: split it"
        raise Refused(Refusal(Reason.REQUEST_TOO_LARGE, message, field=part.name[:64]))
    changed = await redact_places(services, request, engine, content, places, placeholders)
    return None if changed is content else changed


async def check_batch_file(
    services: Services, request: OpenRequest, file: bytes, rules: ContentRules
) -> None:
    """Refuse a batch whose file was uploaded without redaction. Raises `Refused`.

    It came before the policy did, or by another key of the tenant.
    """
    engine = await engine_of(rules)
    if engine.plan.is_empty:
        return
    places = await in_steps(file_places(file, "input_file_id"))
    for place, found in await found_in(services, request, engine, places):
        for one in found:
            if engine.plan.actions[one.entity] != "observe":
                message = (
                    f"The batch's file holds {one.entity} ({place.path}), which the redaction "
                    "policy of this API key does not let pass: upload the file again, so that it "
                    "is redacted"
                )
                raise Refused(Refusal(Reason.PII_BLOCKED, message, field="input_file_id"))
