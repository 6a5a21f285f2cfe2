"""An event inside the broker, and its two forms: HTTP binary mode and JSON."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from common.events.headers import PREFIX, SPEC_VERSION, encode_value
from common.events.receive import MalformedEvent, is_json, parse

# How often an event may pass through the broker as the reply to an event
# (knative/eventing pkg/broker/ttl.go).
TTL_FIRST = 255
_TTL = "knativebrokerttl"
_ARRIVAL = "knativearrivaltime"
ERROR_EXTENSIONS = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
# knative/eventing pkg/channel/attributes: KnativeErrorDataExtensionMaxLength.
_ERROR_DATA_CHARACTERS_MAX = 1024


class BrokerEvent(msgspec.Struct, frozen=True):
    """`attributes` has all but `datacontenttype`, extensions among them; `body` is the data."""

    attributes: dict[str, str]
    content_type: str | None
    body: bytes
    ttl: int = TTL_FIRST

    @property
    def id(self) -> str:
        """The event's id; unique only together with its source."""
        return self.attributes["id"]

    @property
    def type(self) -> str:
        """The event's type."""
        return self.attributes["type"]

    def arrived(self, now: str) -> "BrokerEvent":
        """The event with the time of its arrival, as subscribers of a broker get it."""
        return msgspec.structs.replace(self, attributes={**self.attributes, _ARRIVAL: now})

    def headers(self) -> dict[str, str]:
        """Headers of binary mode (CloudEvents 1.0, HTTP binding, section 3.1)."""
        headers = {PREFIX + name: encode_value(value) for name, value in self.attributes.items()}
        if self.content_type is not None:
            headers["content-type"] = self.content_type
        return headers

    def to_object(self) -> dict[str, Any]:
        """The event in the JSON format (CloudEvents 1.0, JSON format, section 3)."""
        written: dict[str, Any] = dict(self.attributes)
        if self.content_type is not None:
            written["datacontenttype"] = self.content_type
        if not self.body:
            return written
        if self.content_type is not None and is_json(self.content_type):
            try:
                return {**written, "data": msgspec.json.decode(self.body)}
            except msgspec.DecodeError:
                pass
        return {**written, "data_base64": base64.b64encode(self.body).decode()}


def from_request(headers: Mapping[str, str], body: bytes) -> BrokerEvent:
    """The event of a request or a reply, either mode. Raises `MalformedEvent`."""
    event = parse(headers, body)
    attributes = {"specversion": SPEC_VERSION, "id": event.id, "source": event.source}
    attributes["type"] = event.type
    optional = {"subject": event.subject, "time": event.time, "dataschema": event.data_schema}
    attributes |= {name: value for name, value in optional.items() if value is not None}
    attributes |= event.extensions
    return BrokerEvent(
        attributes=attributes,
        content_type=event.content_type or ("application/json" if event.body else None),
        body=event.body,
        ttl=_ttl(attributes.pop(_TTL, None)),
    )


def from_object(written: Mapping[str, Any]) -> BrokerEvent:
    """The event of `BrokerEvent.to_object`, without what a dead letter adds.

    Raises `MalformedEvent`.
    """
    rest = {name: value for name, value in written.items() if name not in ERROR_EXTENSIONS}
    try:
        body = base64.b64decode(rest.pop("data_base64", ""))
    except binascii.Error as error:
        raise MalformedEvent(f"data_base64: {error}") from None
    if "data" in rest:
        body = msgspec.json.encode(rest.pop("data"))
    content_type = rest.pop("datacontenttype", None)
    rest.pop(_ARRIVAL, None)
    attributes = {name: str(value) for name, value in rest.items()}
    return BrokerEvent(attributes=attributes, content_type=content_type, body=body)


def error_extensions(destination: str, status: int, answer: bytes) -> dict[str, Any]:
    """What a dead letter says of its last attempt: where to, which status, the start of the body.

    Source: knative/eventing pkg/kncloudevents/event_dispatcher.go,
    `dispatchExecutionInfoTransformers`.
    """
    encoded = base64.b64encode(answer[:_ERROR_DATA_CHARACTERS_MAX]).decode()
    values = (destination, status, encoded[:_ERROR_DATA_CHARACTERS_MAX])
    return dict(zip(ERROR_EXTENSIONS, values, strict=True))


def _ttl(given: str | None) -> int:
    if given is None:
        return TTL_FIRST
    if not given.isascii() or not given.isdecimal():
        raise MalformedEvent(f"{_TTL} must be a whole number")
    left = int(given) - 1
    if left <= 0:
        raise MalformedEvent(f"{_TTL} is used up: the event has been its own reply's reply")
    return left
