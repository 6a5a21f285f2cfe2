"""Forms with files, `multipart/form-data` (RFC 7578), as browsers send them. Pure."""

import base64
import re

from functions.key_admin.problem import Problem

MEDIA_TYPE = "multipart/form-data"
PARTS_MAX = 1000
_BOUNDARY = re.compile(r'\bboundary="?([^";,\s]{1,70})"?')
_NAME = re.compile(rb';\s*name="([^"]*)"')
_FILE = re.compile(rb";\s*filename=")


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """The fields, of a name given twice the last; a file as its bytes in base64, none as "".

    Raises `Problem` 400 and 413.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise _malformed()
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode())
    if len(parts) > PARTS_MAX:
        raise Problem(413, "Form too large", f"A form has at most {PARTS_MAX} fields.")
    if not parts[-1].startswith(b"--"):
        raise _malformed()
    found = {}
    for part in parts[1:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None or not blank:
            raise _malformed()
        is_file = _FILE.search(head) is not None
        text = base64.b64encode(content) if is_file else content
        found[name.group(1).decode("utf-8", "replace")] = text.decode("utf-8", "replace")
    return found


def _malformed() -> Problem:
    return Problem(400, "Malformed form", "The form cannot be read: load it again.")
