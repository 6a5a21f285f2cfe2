"""HTTP request to event, by the CloudEvents SDK: binary and structured mode.

A receiver answers an event it took with an empty 204. Knative's broker takes any other body for a
failed delivery and sends the event again (knative/eventing #7503). `MalformedEvent` becomes 400,
which the broker does not repeat but hands to the dead letter sink.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from common.events.headers import (
    BATCH_MEDIA_TYPE,
    CONTEXT_ATTRIBUTES,
    REQUIRED_ATTRIBUTES,
    SPEC_VERSION,
    STRUCTURED_MEDIA_TYPE,
    decode_value,
    is_attribute_name,
)

_Data = TypeVar("_Data")
_JSON_MEDIA_TYPE = re.compile(r"[^/;]+/([^;]+\+)?json\s*(;|\Z)", re.IGNORECASE)
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII
)

# What CloudEvents 1.0 (type system, String) forbids: control characters and lone surrogates.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class MalformedEvent(ValueError):
    """The request is no CloudEvent, or its data is not of its type's shape; the text says why."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudEvent 1.0.

    `body` is the data's bytes, `data` what they say: decoded if they are JSON, otherwise the
    bytes themselves, None if there are none.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    content_type: str | None = None
    data_schema: str | None = None
    extensions: dict[str, str] = {}
    data: Any = None
    body: bytes = b""


def data_as(event: Event, shape: type[_Data]) -> _Data:
    """The event's data as a struct of `common.events.types`. Raises `MalformedEvent`."""
    try:
        return msgspec.convert(event.data, shape)
    except msgspec.ValidationError as error:
        raise MalformedEvent(f"data of {event.type} event {event.id}: {error}") from None


def parse(headers: Mapping[str, str], body: bytes, *, any_data: bool = False) -> Event:
    """The event of a request. Header names in any case. Raises `MalformedEvent`.

    With `any_data` also one whose data is not the JSON that it claims; `data` is then the bytes.
    """
    from cloudevents.http import from_http
    from cloudevents.sdk.converters import is_binary

    lower = {name.lower(): value for name, value in headers.items()}
    media_type = lower.get("content-type", "").lower()
    if media_type.startswith(BATCH_MEDIA_TYPE):
        raise MalformedEvent("a batch of events is not accepted; send them one by one")
    try:
        # The SDK too lets the media type decide when both are there.
        binary = is_binary(lower) and not media_type.startswith(STRUCTURED_MEDIA_TYPE)
        # The data stays as it came; how to read it depends on its media type, not on a guess.
        parsed = from_http(lower, body, data_unmarshaller=_unchanged)
        attributes = {name: _text(name, value) for name, value in parsed.get_attributes().items()}
        if binary:
            attributes = {name: decode_value(value) for name, value in attributes.items()}
            attributes.pop("datacontenttype", None)
            if content_type := lower.get("content-type"):
                attributes["datacontenttype"] = content_type
        time_given = "ce-time" in lower if binary else "time" in msgspec.json.decode(body)
    except MalformedEvent:
        raise
    except Exception as error:
        # The SDK raises what json, base64 and its own classes happen to raise.
        raise MalformedEvent(f"this is no CloudEvent 1.0: {_first_line(error)}") from error
    if not time_given:
        attributes.pop("time", None)  # the SDK makes one up: now
    _check(attributes)
    return _event(attributes, parsed.get_data(), any_data)


def is_json(content_type: str) -> bool:
    """Whether a media type says JSON (RFC 6838 section 4.2.8: `+json` too)."""
    return _JSON_MEDIA_TYPE.match(content_type) is not None


def _event(attributes: dict[str, str], given: Any, any_data: bool) -> Event:
    try:
        data, body = _data(attributes.get("datacontenttype"), given)
    except MalformedEvent:
        if not any_data:
            raise
        data = body = given.encode() if isinstance(given, str) else given
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        subject=attributes.get("subject"),
        time=attributes.get("time"),
        content_type=attributes.get("datacontenttype"),
        data_schema=attributes.get("dataschema"),
        extensions={
            name: value for name, value in attributes.items() if name not in CONTEXT_ATTRIBUTES
        },
        data=data,
        body=body,
    )


def _data(content_type: str | None, given: Any) -> tuple[Any, bytes]:
    """What the data says, and its bytes. In structured mode text is the JSON of `data`."""
    if given is None:
        return None, b""
    if isinstance(given, str):
        value = _decoded(given.encode())
        if isinstance(value, str) and content_type is not None and not is_json(content_type):
            return value, value.encode()
        return value, given.encode()
    if content_type is None or not is_json(content_type):
        return given, given
    return _decoded(given), given


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedEvent(f"the event's data is not the JSON that it claims: {error}") from None


def _check(attributes: dict[str, str]) -> None:
    for name in REQUIRED_ATTRIBUTES:
        if not attributes.get(name):
            raise MalformedEvent(f"the event's {name} is missing or empty")
    if attributes["specversion"] != SPEC_VERSION:
        raise MalformedEvent(
            f"specversion is {attributes['specversion'][:20]!r}, must be {SPEC_VERSION!r}"
        )
    for name, value in attributes.items():
        if not is_attribute_name(name):
            raise MalformedEvent(
                f"{name[:40]!r} is no attribute's name: lower-case letters and digits only"
            )
        if name in CONTEXT_ATTRIBUTES and not value:
            raise MalformedEvent(f"the event's {name} is empty; leave it out instead")
        if _NO_TEXT.search(value):
            raise MalformedEvent(f"the event's {name} has control characters")
    if not (content_type := attributes.get("datacontenttype", "")).isascii():
        raise MalformedEvent(f"{content_type[:40]!r} is no media type")
    if (time := attributes.get("time")) is not None and not _RFC_3339.match(time):
        raise MalformedEvent(f"the event's time {time[:40]!r} is not RFC 3339")


def _text(name: str, value: Any) -> str:
    """An attribute's canonical text (CloudEvents 1.0, type system).

    In structured mode an extension may be a whole number or a boolean.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise MalformedEvent(f"the event's {name} must be a string, not {type(value).__name__}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _unchanged(content: Any) -> Any:
    return content
