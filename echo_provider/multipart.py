"""Requests in multipart/form-data (RFC 7578)."""

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from typing import Any

from echo_provider.refusals import Refusal

_KINDS: dict[str, type[int] | type[float]] = {"integer": int, "number": float}
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file."""

    name: str
    content_type: str
    data: bytes


def parse_form(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields by name: texts and files; a name that comes again, or ends in `[]`, is a list.

    Raises `Refusal` (400).
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise Refusal(400, f"Invalid body: expected multipart/form-data, got {content_type!r}.")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refusal(400, "Invalid body: failed to parse multipart/form-data.")
    fields: dict[str, Any] = {}
    for piece in pieces[1:-1]:
        name, value = _part(piece)
        if name.endswith("[]"):
            fields.setdefault(name.removesuffix("[]"), []).append(value)
        elif name in fields:
            earlier = fields[name]
            fields[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            fields[name] = value
    return fields


def _part(piece: bytes) -> tuple[str, str | File]:
    _, _, rest = piece.partition(b"\r\n")
    head, end, data = rest.partition(b"\r\n\r\n")
    headers = message_from_string(head.decode("utf-8", "replace"))
    name = headers.get_param("name", header="content-disposition")
    if not end or not isinstance(name, str):
        raise Refusal(400, "Invalid body: failed to parse multipart/form-data.")
    filename = headers.get_filename()
    if filename is None:
        return name, data.decode("utf-8", "replace")
    return name, File(filename, headers.get_content_type(), data)


def typed(form: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The form with some of its texts read as `integer`, `number` or `boolean`.

    What cannot be read stays a text, for the checks to complain of.
    """
    fields = dict(form)
    for name, kind in kinds.items():
        value = fields.get(name)
        if not isinstance(value, str):
            continue
        if kind == "boolean":
            fields[name] = _BOOLEANS.get(value.lower(), value)
            continue
        try:
            fields[name] = _KINDS[kind](value)
        except ValueError:
            fields[name] = value
    return fields


def described(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form as JSON can say it: files by their names, types and sizes."""
    return {name: _described(value) for name, value in form.items()}


def _described(value: Any) -> Any:
    if isinstance(value, list):
        return [_described(one) for one in value]
    if not isinstance(value, File):
        return value
    return {"name": value.name, "content_type": value.content_type, "bytes": len(value.data)}


def files_of(form: Mapping[str, Any], name: str) -> list[File]:
    """The files of that name. Raises `Refusal` (400) when there are none, or what is no file."""
    value = form.get(name)
    found = value if isinstance(value, list) else [value]
    files = [one for one in found if isinstance(one, File)]
    if value is None or len(files) < len(found):
        text = f"Missing required parameter: '{name}'."
        if value is not None:
            text = f"Invalid type for '{name}': expected a file."
        raise Refusal(400, text, param=name)
    return files
