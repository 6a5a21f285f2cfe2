"""The manifests in knative/, as far as the local broker and cron act on them.

The same files are applied to a cluster, so what is not understood here stops the start: a Trigger
that the laptop ignores would be a difference that nobody sees.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from cli.dev.delivery import Delivery
from cli.dev.durations import duration_s
from cli.dev.trigger_filters import Filter, compile_attributes, compile_filters

DEFAULT_NAMESPACE = "default"
MANIFESTS_DIRECTORY = Path(__file__).parents[2] / "knative"
_KUSTOMIZATION = "kustomization.yaml"
# Some 34 years of waiting lie behind 30 repetitions from one second; Knative sets no bound.
_RETRIES_MAX = 30


class ManifestError(ValueError):
    """A manifest cannot be acted on; the text names file, object and field."""


class Subscriber(msgspec.Struct, frozen=True):
    """A Knative Service and the path below its root."""

    service: str
    path: str


class Broker(msgspec.Struct, frozen=True):
    """A Broker; its delivery serves Triggers without their own."""

    name: str
    namespace: str
    delivery: Delivery

    @property
    def path(self) -> str:
        """Where its ingress takes events (knative/eventing pkg/broker/ingress)."""
        return f"/{self.namespace}/{self.name}"


class Trigger(msgspec.Struct, frozen=True):
    """Which events of a Broker go where, and how hard that is tried."""

    name: str
    broker: str
    matches: Filter
    subscriber: Subscriber
    delivery: Delivery


class PingSource(msgspec.Struct, frozen=True):
    """A cron schedule and the event that each tick makes."""

    name: str
    namespace: str
    schedule: str
    timezone: str
    content_type: str | None
    data: bytes
    broker: str
    extensions: dict[str, str]

    @property
    def source(self) -> str:
        """The event's source (knative/eventing pkg/apis/sources/v1/ping_types.go)."""
        return f"/apis/v1/namespaces/{self.namespace}/pingsources/{self.name}"


class Manifests(msgspec.Struct, frozen=True):
    """Everything that was read. `services` are the names of the Knative Services."""

    broker: Broker
    triggers: tuple[Trigger, ...]
    ping_sources: tuple[PingSource, ...]
    services: tuple[str, ...]

    def ping_source(self, name: str) -> PingSource:
        """The PingSource of that name, with or without `relay-`. Raises `ManifestError`."""
        for source in self.ping_sources:
            if source.name in (name, f"{self.broker.name}-{name}"):
                return source
        known = ", ".join(source.name for source in self.ping_sources)
        raise ManifestError(f"there is no PingSource {name!r}; there are: {known or 'none'}")


class _Document:
    """One object of a file, whose members are asked for by path."""

    def __init__(self, file: Path, written: dict[str, Any]) -> None:
        self.written = written
        self.kind = str(written.get("kind"))
        metadata = written.get("metadata") or {}
        self.name = str(metadata.get("name"))
        self.namespace = str(metadata.get("namespace") or DEFAULT_NAMESPACE)
        self._where = f"{file.name}: {self.kind} {self.name}"

    def error(self, message: str) -> ManifestError:
        return ManifestError(f"{self._where}: {message}")

    def get(self, path: str) -> Any:
        value: Any = self.written
        for member in path.split("."):
            value = value.get(member) if isinstance(value, dict) else None
        return value

    def text(self, path: str) -> str:
        value = self.get(path)
        if not isinstance(value, str) or not value:
            raise self.error(f"{path} is missing or no text")
        return value


def load_manifests(directory: Path) -> Manifests:
    """Read all files of a directory. Raises `ManifestError`."""
    documents = list(_documents(directory))
    brokers = [document for document in documents if document.kind == "Broker"]
    if len(brokers) != 1:
        raise ManifestError(f"{directory}: there must be one Broker, not {len(brokers)}")
    broker = _broker(brokers[0])
    of_kind = {
        kind: [document for document in documents if document.kind == kind]
        for kind in ("Service", "Trigger", "PingSource")
    }
    services = tuple(document.name for document in of_kind["Service"])
    return Manifests(
        broker=broker,
        triggers=tuple(_trigger(document, broker, services) for document in of_kind["Trigger"]),
        ping_sources=tuple(_ping_source(document, broker) for document in of_kind["PingSource"]),
        services=services,
    )


def _documents(directory: Path) -> Iterator[_Document]:
    import yaml

    if not directory.is_dir():
        raise ManifestError(f"{directory} is no directory with manifests")
    for file in sorted(directory.glob("*.yaml")):
        if file.name == _KUSTOMIZATION:
            continue
        try:
            written = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise ManifestError(f"{file}: {error}") from None
        for one in written:
            if not isinstance(one, dict):
                raise ManifestError(f"{file}: this is no Kubernetes object")
            yield _Document(file, one)


def _broker(document: _Document) -> Broker:
    delivery = _delivery(document, Delivery())
    return Broker(name=document.name, namespace=document.namespace, delivery=delivery)


def _trigger(document: _Document, broker: Broker, services: tuple[str, ...]) -> Trigger:
    if document.text("spec.broker") != broker.name:
        raise document.error(f"spec.broker must be {broker.name!r}, the one Broker there is")
    # As in Knative: a Trigger's own delivery replaces its Broker's whole.
    delivery = (
        broker.delivery
        if document.get("spec.delivery") is None
        else _delivery(document, Delivery())
    )
    service, path = _service(document, "spec.subscriber")
    for name in (service, delivery.dead_letter_service):
        if name is not None and name not in services:
            raise document.error(f"there is no Service {name!r} in these manifests")
    return Trigger(
        name=document.name,
        broker=broker.name,
        matches=_filter(document),
        subscriber=Subscriber(service, path),
        delivery=delivery,
    )


def _filter(document: _Document) -> Filter:
    """`spec.filters` if there are any, else the older `spec.filter`, else everything."""
    try:
        if filters := document.get("spec.filters"):
            return compile_filters(filters)
        if attributes := document.get("spec.filter.attributes"):
            return compile_attributes(attributes)
    except ValueError as error:
        raise document.error(f"spec.filters: {error}") from None
    return compile_filters([])


def _delivery(document: _Document, default: Delivery) -> Delivery:
    written = document.get("spec.delivery")
    if written is None:
        return default
    if not isinstance(written, dict):
        raise document.error("spec.delivery must have members")
    retries = written.get("retry", 0)
    if not isinstance(retries, int) or not 0 <= retries <= _RETRIES_MAX:
        raise document.error(f"spec.delivery.retry must be 0 to {_RETRIES_MAX}")
    policy = written.get("backoffPolicy", default.backoff_policy)
    if policy not in ("exponential", "linear"):
        raise document.error("spec.delivery.backoffPolicy must be exponential or linear")
    service, path = (
        _service(document, "spec.delivery.deadLetterSink")
        if "deadLetterSink" in written
        else (None, "/")
    )
    return Delivery(
        retries=retries,
        backoff_policy=policy,
        backoff_delay_s=_seconds(document, "backoffDelay", default.backoff_delay_s),
        timeout_s=_seconds(document, "timeout", default.timeout_s),
        dead_letter_service=service,
        dead_letter_path=path,
    )


def _seconds(document: _Document, member: str, default: float) -> float:
    text = document.get(f"spec.delivery.{member}")
    if text is None:
        return default
    try:
        return duration_s(str(text))
    except ValueError as error:
        raise document.error(f"spec.delivery.{member}: {error}") from None


def _service(document: _Document, path: str) -> tuple[str, str]:
    """Service and path of a Destination (knative.dev/pkg apis/duck/v1): `ref` and `uri`."""
    if document.get(f"{path}.ref.kind") != "Service":
        raise document.error(f"{path}.ref must be a Knative Service")
    uri = document.get(f"{path}.uri") or "/"
    if not isinstance(uri, str) or not uri.startswith("/"):
        raise document.error(f"{path}.uri must be a path such as /dead-letters")
    return document.text(f"{path}.ref.name"), uri


def _ping_source(document: _Document, broker: Broker) -> PingSource:
    from croniter import croniter

    schedule = document.text("spec.schedule")
    if len(schedule.split()) != 5 or not croniter.is_valid(schedule):
        raise document.error(f"spec.schedule {schedule!r} is no cron line of five fields")
    timezone = document.get("spec.timezone") or "Etc/UTC"
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise document.error(f"spec.timezone {timezone!r} is no IANA time zone") from None
    sink = document.get("spec.sink.ref") or {}
    if sink.get("kind") != "Broker" or sink.get("name") != broker.name:
        raise document.error(f"spec.sink must be Broker {broker.name}, whose retries cover a tick")
    return PingSource(
        name=document.name,
        namespace=document.namespace,
        schedule=schedule,
        timezone=timezone,
        content_type=document.get("spec.contentType"),
        data=str(document.get("spec.data") or "").encode(),
        broker=broker.name,
        extensions=dict(document.get("spec.ceOverrides.extensions") or {}),
    )
