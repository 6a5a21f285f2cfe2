"""Forms with files, `multipart/form-data` (RFC 7578), as browsers send them. Pure."""

import base64

from common.dialects.base import BadRequest
from common.dialects.forms import PARTS_MAX, TooManyParts, read_form
from functions.key_admin.problem import Problem

MEDIA_TYPE = "multipart/form-data"


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """The fields, of a name given twice the last; a file as its bytes in base64, none as "".

    Raises `Problem` 400 and 413.
    """
    try:
        form = read_form(body, content_type)
    except TooManyParts:
        raise Problem(413, "Form too large", f"A form has at most {PARTS_MAX} fields.") from None
    except BadRequest:
        raise Problem(400, "Malformed form", "The form cannot be read: load it again.") from None
    found = {}
    for part in form.parts:
        content = body[part.start : part.end]
        text = base64.b64encode(content) if part.is_file else content
        found[part.name] = text.decode("utf-8", "replace")
    return found
