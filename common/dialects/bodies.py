"""Reading bodies: a request's by complaints as `BadRequest`, an answer's by None."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from common.dialects.base import BadRequest

Fields = TypeVar("Fields", bound=msgspec.Struct)
NUMBER_MAX = 2**31 - 1


class _Name:
    """A member's name; no two are equal, so that a dict of them keeps repeated ones."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_names_decoder = msgspec.json.Decoder(
    dict[_Name, msgspec.Raw], dec_hook=lambda _type, text: _Name(text)
)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_TYPES = re.compile(r"`(?P<names>[^`]*)`")
_NAMES = {
    "str": "a string",
    "int": "an integer",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "float": "a number",
    "null": "null",
}


def read_fields(body: bytes, decoder: "msgspec.json.Decoder[Fields]") -> Fields:
    """The fields that the decoder's type names. Raises `BadRequest` naming the one at fault."""
    try:
        fields = decoder.decode(body)
        if not body.isascii():
            body.decode()  # the decoder does not look into members that it skips
        check_members(body, decoder.type.__struct_encode_fields__)
    except msgspec.ValidationError as error:
        raise complaint(str(error)) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply") from None
    except UnicodeDecodeError:
        raise BadRequest("The request body is not valid UTF-8") from None
    return fields


def check_members(body: bytes, read: tuple[str, ...]) -> None:
    """Raises `BadRequest` for a member of an object that two readers may read differently."""
    names = [name.text for name in _names_decoder.decode(body)]
    check_names(names, read)
    _check_once(names, read)


def check_names(given: Iterable[str], read: tuple[str, ...]) -> None:
    """Raises `BadRequest` for a name that is one of those that Relay reads but for its case.

    Some servers take `"Model"` for `"model"` (Go's encoding/json does, the long s and the Kelvin
    sign included): the caller would be judged by one model and served another.
    """
    for name in given:
        if name not in read and (meant := name.casefold()) in read:
            message = f"Unknown parameter: {name[:100]!r}. Did you mean {meant!r}?"
            raise BadRequest(message, name[:100])


def _check_once(given: list[str], read: tuple[str, ...]) -> None:
    """Raises `BadRequest` for a name that Relay reads and that is given more than once.

    Most readers take the last one, some the first, escaped or not.
    """
    seen = set()
    for name in given:
        if name in seen:
            raise BadRequest(f"'{name}' is given more than once", name)
        if name in read:
            seen.add(name)


def check_positive(value: int | None, field: str) -> None:
    """Raises `BadRequest` for a number below 1, or too large for any store."""
    if value is not None and not 1 <= value <= NUMBER_MAX:
        raise BadRequest(f"'{field}' must be from 1 to {NUMBER_MAX}, not {value}", field)


def check_model(model: str) -> None:
    """Raises `BadRequest` for a model name that no provider can have."""
    if not model.strip():
        raise BadRequest("'model' must not be empty", "model")
    if not model.isprintable() or model != model.strip():
        raise BadRequest("'model' must not contain control characters or outer blanks", "model")
    if len(model) > 256:
        raise BadRequest("'model' is longer than 256 characters", "model")


def decoded(decoder: "msgspec.json.Decoder[Fields]", body: bytes) -> Fields | None:
    """What a provider said; None for what is no such JSON."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def loads(body: bytes) -> Any:
    """Any JSON value, or None for what is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def complaint(text: str, within: str = "") -> BadRequest:
    """A decoder's complaint of a body, or of what stands in it at the path `within`."""
    match = _PATH.match(text)
    what, path = (match["what"], match["path"] or "$") if match else (text, "$")
    field = within + path.removeprefix("$").replace("[...]", "[]")
    field = field.removeprefix(".")
    missing = _MISSING.match(what)
    if missing is not None:
        name = f"{field}.{missing['name']}" if field else missing["name"]
        return BadRequest(f"Missing required parameter: '{name}'", name)
    if not field:
        return BadRequest("The request body must be a JSON object")
    return BadRequest(f"Invalid type for '{field}': {_in_words(what)}", field)


def _in_words(what: str) -> str:
    """`Expected `str`, got `int`` in the words of JSON."""
    text = what[:1].lower() + what[1:]
    return _TYPES.sub(_type_in_words, text)


def _type_in_words(match: "re.Match[str]") -> str:
    return " or ".join(_NAMES.get(name, name) for name in match["names"].split(" | "))
