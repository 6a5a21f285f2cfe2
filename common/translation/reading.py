"""Reading requests to be translated: whole, so that no member is dropped without a word."""

import re
from typing import TypeVar

import msgspec

from common.dialects.base import BadRequest
from common.dialects.bodies import complaint

Wire = TypeVar("Wire")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`(?: - at `\$(?P<at>.*)`)?$")
_ONLY_NULL = re.compile(r"Expected `null`, got .* - at `\$(?P<at>.*)`$")
_VALUE = re.compile(r"Invalid (?:enum )?value (?P<value>'[^']*') - at `\$(?P<at>.*)`$")
NOT_TRANSLATED = "cannot be passed on to the provider of this model, which speaks another API"


def read_wire(raw: bytes, decoder: "msgspec.json.Decoder[Wire]", within: str = "") -> Wire:
    """What stands at the path `within`, by the decoder's type.

    The type names all members there are, those that cannot be translated with the type `None`.
    Raises `BadRequest` naming the member at fault.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _complaint(str(error), within) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply") from None
    except UnicodeDecodeError:
        raise BadRequest("The request body is not valid UTF-8") from None


def not_translated(field: str, why: str = "") -> BadRequest:
    """A member whose meaning no other format has, or none that is translated to."""
    return BadRequest(f"{field!r} {NOT_TRANSLATED}" + (f": {why}" if why else ""), field)


def _complaint(text: str, within: str) -> BadRequest:
    unknown = _UNKNOWN.match(text)
    if unknown is not None:
        return not_translated(_path(within, f"{unknown['at'] or ''}.{unknown['name']}"))
    value = _VALUE.match(text)
    if value is not None:
        field = _path(within, value["at"])
        return BadRequest(f"{field!r}: {value['value']} {NOT_TRANSLATED}", field)
    only_null = _ONLY_NULL.match(text)
    if only_null is not None:
        return not_translated(_path(within, only_null["at"]))
    return complaint(text, within)


def _path(within: str, at: str) -> str:
    return (within + at.replace("[...]", "[]")).removeprefix(".")
