"""What every manifest in knative/ must say, because a default there would cost events or money."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from croniter import croniter

from cli.dev.durations import duration_s
from cli.dev.manifests import MANIFESTS_DIRECTORY, load_manifests
from common.events import types
from common.settings import Retention
from functions.cleanup.run import TASKS

OBJECTS = [
    (path.name, document)
    for path in sorted(MANIFESTS_DIRECTORY.glob("[0-9]*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
RECEIVED_TYPES = {
    types.USAGE_RECORDED: "relay-usage-aggregation",
    types.CRON_TASK: "relay-cleanup",
    types.BUDGET_THRESHOLD: "relay-notifications",
    types.ACCOUNT_HEALTH: "relay-notifications",
    types.KEYS_EXPIRING: "relay-notifications",
    types.SPEND_DRIFT: "relay-notifications",
    types.LOGIN_FAILURES: "relay-notifications",
    types.NOTIFICATIONS_DUE: "relay-notifications",
}
QUEUE_PROXY_PORTS = {8008, 8012, 8013, 8022, 9090, 9091}


def of_kind(kind: str) -> list[Any]:
    found = [
        pytest.param(document, id=document["metadata"]["name"])
        for _, document in OBJECTS
        if document["kind"] == kind
    ]
    assert found
    return found


def test_names_are_those_that_the_edge_and_the_chart_use():
    names = {(document["kind"], document["metadata"]["name"]) for _, document in OBJECTS}
    functions = ("relay", "key-admin", "usage-aggregation", "cleanup", "notifications")
    assert {("Service", f"relay-{name}") for name in functions} <= names
    assert ("Broker", "relay") in names
    assert len(names) == len(OBJECTS)
    assert all(len(name) <= 40 for _, name in names)


def test_files_are_numbered_in_the_order_of_applying_and_all_are_listed():
    order = ["Broker", "Service", "Trigger", "PingSource"]
    kinds = [order.index(document["kind"]) for _, document in OBJECTS]
    assert kinds == sorted(kinds)
    listed = yaml.safe_load((MANIFESTS_DIRECTORY / "kustomization.yaml").read_text())["resources"]
    assert listed == [path.name for path in sorted(MANIFESTS_DIRECTORY.glob("[0-9]*.yaml"))]


@pytest.mark.parametrize("trigger", of_kind("Trigger"))
def test_a_trigger_has_one_exact_type_retries_and_a_dead_letter_sink(trigger: Any):
    [filter_] = trigger["spec"]["filters"]
    assert list(filter_) == ["exact"]
    assert list(filter_["exact"]) == ["type"]
    received = filter_["exact"]["type"]
    assert trigger["spec"]["subscriber"]["ref"]["name"] == RECEIVED_TYPES[received]
    delivery = trigger["spec"]["delivery"]
    assert delivery["retry"] >= 5
    assert delivery["backoffPolicy"] == "exponential"
    assert duration_s(delivery["backoffDelay"]) >= 0.5
    assert duration_s(delivery["timeout"]) <= 600
    assert delivery["deadLetterSink"]["ref"]["kind"] == "Service"
    assert delivery["deadLetterSink"]["uri"] == "/dead-letters"


def test_every_received_type_has_its_trigger_and_no_type_is_written_otherwise():
    triggered = [
        document["spec"]["filters"][0]["exact"]["type"]
        for _, document in OBJECTS
        if document["kind"] == "Trigger"
    ]
    assert sorted(triggered) == sorted(RECEIVED_TYPES)


@pytest.mark.parametrize("source", of_kind("PingSource"))
def test_a_ping_source_ticks_into_the_broker_in_a_time_zone_at_most_every_ten_minutes(source: Any):
    spec = source["spec"]
    assert spec["timezone"]
    assert spec["sink"]["ref"]["kind"] == "Broker"
    assert spec["contentType"] == "application/json"
    times = croniter(spec["schedule"], 0)
    first, second = times.get_next(float), times.get_next(float)
    assert second - first >= 600
    task = types.CronTask(**yaml.safe_load(spec["data"])).task
    assert source["metadata"]["name"] == _name_of(task)


def test_the_tasks_of_this_release():
    tasks = {
        source.name: source.schedule for source in load_manifests(MANIFESTS_DIRECTORY).ping_sources
    }
    assert set(tasks) == {_name_of(task) for task in TASKS}
    assert tasks["relay-outbox"] != tasks["relay-leases"]
    assert tasks["relay-outbox"] == tasks["relay-projection"]
    assert tasks["relay-key-expiry"] == "0 * * * *"
    # Wakes no pod of its own.
    assert tasks["relay-jobs"] == tasks["relay-notifications"] == tasks["relay-leases"]


def test_retention_runs_once_a_day_after_the_partitions_are_made():
    schedules = {
        source.name: source.schedule for source in load_manifests(MANIFESTS_DIRECTORY).ping_sources
    }
    made = croniter(schedules["relay-partitions"], 0).get_next(float)
    dropping = croniter(schedules["relay-retention"], 0)
    first, second = dropping.get_next(float), dropping.get_next(float)
    assert made < first
    assert second - first == 86_400


def test_cleanup_keeps_as_long_as_its_defaults_say():
    (container,) = next(
        document["spec"]["template"]["spec"]["containers"]
        for _, document in OBJECTS
        if document["metadata"]["name"] == "relay-cleanup"
    )
    written = {
        variable["name"]: int(variable["value"])
        for variable in container["env"]
        if variable["name"].endswith("_RETENTION_DAYS")
    }
    default = Retention()
    assert written == {
        "RELAY_LEDGER_RETENTION_DAYS": default.ledger_days,
        "RELAY_ROLLUP_RETENTION_DAYS": default.rollup_days,
        "RELAY_AUDIT_RETENTION_DAYS": default.audit_days,
        "RELAY_QUARANTINE_RETENTION_DAYS": default.quarantine_days,
    }


def _name_of(task: str) -> str:
    # Kubernetes takes no underscore in a name.
    return f"relay-{task.replace('_', '-')}"


@pytest.mark.parametrize("service", of_kind("Service"))
def test_a_service_starts_fast_scales_to_zero_and_is_bounded(service: Any):
    assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"
    template = service["spec"]["template"]
    scaling = template["metadata"]["annotations"]
    assert scaling["autoscaling.knative.dev/min-scale"] == "0"
    assert int(scaling["autoscaling.knative.dev/max-scale"]) > 0
    spec = template["spec"]
    assert spec["containerConcurrency"] == 0
    assert spec["timeoutSeconds"] == spec["responseStartTimeoutSeconds"] == 600
    assert "idleTimeoutSeconds" not in spec
    assert spec["enableServiceLinks"] is False
    [container] = spec["containers"]
    assert set(container["readinessProbe"]) == {"httpGet"}
    assert container["image"] == "relay"
    [port] = container["ports"]
    assert port["containerPort"] not in QUEUE_PROXY_PORTS
    security = container["securityContext"]
    assert security["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    # Only with a feature flag of the cluster (serving config/core/configmaps/features.yaml).
    assert {"securityContext", "nodeSelector", "affinity", "tolerations"}.isdisjoint(spec)


@pytest.mark.parametrize("service", of_kind("Service"))
def test_a_service_runs_a_function_that_is_there_and_renders_no_secret(service: Any):
    [container] = service["spec"]["template"]["spec"]["containers"]
    module, _, attribute = container["args"][0].partition(":")
    assert attribute == "application"
    assert (Path(__file__).parents[3] / module.replace(".", "/")).parent.is_dir()
    environment = {variable["name"]: variable for variable in container["env"]}
    assert environment["RELAY_TIMEOUT_S"]["value"] == "600"
    secret = {name for name in environment if name.endswith(("_URL", "_KEY", "_SECRET", "_TOKEN"))}
    assert {"RELAY_DATABASE_URL", "RELAY_REDIS_URL", "RELAY_INTERNAL_SECRET"} <= secret
    assert all("secretKeyRef" in environment[name]["valueFrom"] for name in secret)


def test_the_sink_is_the_address_of_this_broker():
    broker = load_manifests(MANIFESTS_DIRECTORY).broker
    sinks = {
        document["metadata"]["name"]: variable["value"]
        for _, document in OBJECTS
        if document["kind"] == "Service"
        for variable in document["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "K_SINK"
    }
    assert set(sinks) == {
        *("relay-relay", "relay-key-admin", "relay-usage-aggregation", "relay-cleanup"),
    }
    assert all(sink.endswith(f".svc.cluster.local{broker.path}") for sink in sinks.values())
