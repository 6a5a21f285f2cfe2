"""CloudEvents attributes as HTTP headers (CloudEvents 1.0, HTTP binding, section 3.1.3)."""

import re
from urllib.parse import unquote

import msgspec

PREFIX = "ce-"
SPEC_VERSION = "1.0"
REQUIRED_ATTRIBUTES = ("specversion", "id", "source", "type")
OPTIONAL_ATTRIBUTES = ("datacontenttype", "dataschema", "subject", "time")
CONTEXT_ATTRIBUTES = frozenset((*REQUIRED_ATTRIBUTES, *OPTIONAL_ATTRIBUTES))
STRUCTURED_MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch"

# CloudEvents 1.0, section "Naming conventions": lower-case letters and digits.
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+\Z")


class InvalidOverrides(ValueError):
    """K_CE_OVERRIDES is not of the form {"extensions": {"name": "value"}}; the text says why."""


class _Overrides(msgspec.Struct):
    extensions: dict[str, str] = {}


def is_attribute_name(name: str) -> bool:
    """Whether a name may stand behind `ce-`."""
    return _ATTRIBUTE_NAME.match(name) is not None


def encode_value(value: str) -> str:
    """An attribute as a header's value.

    Space, double quote, percent and all that is not printable ASCII is percent-encoded as UTF-8.
    """
    return "".join(
        character
        if "!" <= character <= "~" and character not in '"%'
        else "".join(f"%{byte:02X}" for byte in character.encode())
        for character in value
    )


def decode_value(value: str) -> str:
    """The attribute in a header's value; also takes the older quoted form."""
    if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    return unquote(value)


def overriding_extensions(ce_overrides: str) -> dict[str, str]:
    """The extensions that the platform adds to every event of a sender.

    Source: SinkBinding's environment variable K_CE_OVERRIDES. Empty text means none. Raises
    `InvalidOverrides`.
    """
    if not ce_overrides:
        return {}
    try:
        extensions = msgspec.json.decode(ce_overrides, type=_Overrides).extensions
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidOverrides(
            f"K_CE_OVERRIDES: {error}; it is JSON such as "
            '{"extensions": {"environment": "production"}}'
        ) from None
    for name in extensions:
        if not is_attribute_name(name) or name in CONTEXT_ATTRIBUTES:
            raise InvalidOverrides(
                f"K_CE_OVERRIDES: {name!r} is no extension's name; use lower-case letters and "
                "digits, and none of CloudEvents' own attributes"
            )
    return extensions
