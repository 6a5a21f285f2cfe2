"""Reading manifests: what is understood, and that the rest stops the start by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.dev.manifests import ManifestError, load_manifests

BROKER = {"kind": "Broker", "metadata": {"name": "relay"}}
SERVICE = {"kind": "Service", "metadata": {"name": "receiver"}}
SUBSCRIBER = {"ref": {"kind": "Service", "name": "receiver"}}


def trigger(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Trigger",
        "metadata": {"name": "t"},
        "spec": {"broker": "relay", "subscriber": SUBSCRIBER, **spec},
    }


def ping(**spec: Any) -> dict[str, Any]:
    sink = {"ref": {"kind": "Broker", "name": "relay"}}
    return {
        "kind": "PingSource",
        "metadata": {"name": "p", "namespace": "there"},
        "spec": {"schedule": "*/10 * * * *", "sink": sink, **spec},
    }


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    def write(*documents: Any) -> Any:
        (tmp_path / "1.yaml").write_text(yaml.safe_dump_all(documents))
        (tmp_path / "kustomization.yaml").write_text("kind: Kustomization\n")
        return load_manifests(tmp_path)

    return write


def test_a_trigger_with_everything(load: Callable[..., Any]):
    delivery = {
        "retry": 3,
        "backoffPolicy": "linear",
        "backoffDelay": "PT0.5S",
        "timeout": "PT1M30S",
        "deadLetterSink": {**SUBSCRIBER, "uri": "/dead"},
    }
    manifests = load(
        BROKER,
        SERVICE,
        trigger(
            filters=[{"exact": {"type": "a"}}],
            subscriber={**SUBSCRIBER, "uri": "/in"},
            delivery=delivery,
        ),
    )
    [made] = manifests.triggers
    assert manifests.broker.path == "/default/relay"
    assert (made.subscriber.service, made.subscriber.path) == ("receiver", "/in")
    assert made.delivery.attempts == 4
    assert [made.delivery.backoff_s(n) for n in (1, 2, 3)] == [0, 0.5, 1.0]
    assert made.delivery.timeout_s == 90
    assert (made.delivery.dead_letter_service, made.delivery.dead_letter_path) == (
        "receiver",
        "/dead",
    )
    assert made.matches({"type": "a"})
    assert not made.matches({"type": "b"})


def test_without_delivery_the_brokers_then_knatives_own(load: Callable[..., Any]):
    [made] = load(BROKER, SERVICE, trigger()).triggers
    assert made.delivery.attempts == 11
    assert [made.delivery.backoff_s(n) for n in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]
    assert made.matches({"type": "anything"})
    broker = {**BROKER, "spec": {"delivery": {"retry": 1}}}
    [made] = load(broker, SERVICE, trigger()).triggers
    assert made.delivery.attempts == 2
    [made] = load(broker, SERVICE, trigger(delivery={"backoffDelay": "PT1S"})).triggers
    assert made.delivery.attempts == 1


def test_a_ping_source(load: Callable[..., Any]):
    manifests = load(BROKER, ping(timezone="Europe/Berlin", data='{"task": "x"}'))
    source = manifests.ping_source("p")
    assert source.source == "/apis/v1/namespaces/there/pingsources/p"
    assert source.data == b'{"task": "x"}'
    with pytest.raises(ManifestError, match="there are: p"):
        manifests.ping_source("q")


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        ([SERVICE], "one Broker, not 0"),
        ([BROKER, BROKER], "one Broker, not 2"),
        ([BROKER, "text"], "no Kubernetes object"),
        ([BROKER, SERVICE, trigger(broker="other")], r"Trigger t: spec\.broker"),
        ([BROKER, trigger()], "no Service 'receiver'"),
        ([BROKER, SERVICE, trigger(subscriber={"uri": "http://x"})], r"spec\.subscriber\.ref"),
        ([BROKER, SERVICE, trigger(delivery={"retry": -1})], r"delivery\.retry"),
        ([BROKER, SERVICE, trigger(delivery={"backoffPolicy": "never"})], "backoffPolicy"),
        ([BROKER, SERVICE, trigger(delivery={"backoffDelay": "1s"})], "backoffDelay.*ISO 8601"),
        ([BROKER, SERVICE, trigger(delivery={"timeout": "P1M"})], "timeout.*ISO 8601"),
        ([BROKER, SERVICE, trigger(filters=[{"cesql": "true"}])], "no filter that is known"),
        ([BROKER, SERVICE, trigger(filters=[{"exact": {"type": 1}}])], "must be a string"),
        ([BROKER, SERVICE, trigger(filters=[{"exact": {}}])], "takes attributes"),
        ([BROKER, SERVICE, trigger(filters=[{"any": []}])], "list of filters"),
        ([BROKER, SERVICE, trigger(filters={"exact": {"type": "a"}})], "must be a list"),
        ([BROKER, SERVICE, trigger(filters=[{"exact": {"a": "b"}, "not": {}}])], "one dialect"),
        ([BROKER, ping(schedule="* * * *")], r"PingSource p: spec\.schedule"),
        ([BROKER, ping(schedule="61 * * * *")], r"spec\.schedule"),
        ([BROKER, ping(timezone="Moon/Sea")], "IANA"),
        ([BROKER, ping(sink={"ref": {"kind": "Service", "name": "receiver"}})], r"spec\.sink"),
    ],
)
def test_what_is_not_understood_is_named(load: Callable[..., Any], documents: Any, says: str):
    with pytest.raises(ManifestError, match=says):
        load(*documents)


def test_a_directory_that_is_not_there_and_yaml_that_is_none(tmp_path: Path):
    with pytest.raises(ManifestError, match="no directory"):
        load_manifests(tmp_path / "absent")
    (tmp_path / "1.yaml").write_text("{")
    with pytest.raises(ManifestError, match=r"1\.yaml"):
        load_manifests(tmp_path)
