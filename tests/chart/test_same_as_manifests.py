"""knative/, the chart's render and what `make dev` acts on: the same events, names, probes."""

import msgspec
import pytest
import yaml

from cli.dev.manifests import MANIFESTS_DIRECTORY, load_manifests
from tests.support.chart import (
    environment,
    faults,
    knative_service,
    one,
    pod_spec,
    render,
    settings,
)

AS_MANIFESTS = settings(config__timezone="Etc/UTC", config__tokenUsageRetention=0)
MANIFESTS = [
    document
    for path in sorted(MANIFESTS_DIRECTORY.glob("[0-9]*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
SERVICES = [
    *("relay-relay", "relay-key-admin", "relay-usage-aggregation", "relay-cleanup"),
    "relay-notifications",
]
# What the chart adds, as it has values for it.
CHART_ONLY = {
    *("RELAY_ENVIRONMENT", "RELAY_HOST", "RELAY_LOG_LEVEL", "RELAY_LOG_DIRECTORY"),
    *("RELAY_LOG_MAX_SIZE", "RELAY_LOG_MAX_FILES", "RELAY_API_KEY_PREFIX"),
    "RELAY_SWEEP_INTERVAL_S",
    *("RELAY_ADMIN_SESSION_TIMEOUT_MS", "RELAY_MASTER_KEY_SIGN_IN", "RELAY_OIDC_SCOPES"),
    *("RELAY_OIDC_ROLE_CLAIM", "RELAY_OIDC_USER_CLAIM"),
    *("RELAY_BUDGET_THRESHOLDS", "RELAY_UNPRICED_MODELS", "RELAY_DEFAULT_TOKEN_LIMIT"),
    "RELAY_STICKY_SESSION_S",
    *("RELAY_CACHE_ENTRY_BYTES_MAX", "RELAY_CACHE_TENANT_BYTES_MAX"),
    *("RELAY_FIRST_BYTE_TIMEOUT_S", "RELAY_IDLE_TIMEOUT_S", "RELAY_CONNECT_TIMEOUT_S"),
    *("RELAY_FIRST_TOKEN_TIMEOUT_S", "RELAY_ATTEMPTS_MAX", "RELAY_RETRY_WITHIN_S"),
    *("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION", "GEMINI_API_KEY"),
    *("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    *("GOOGLE_APPLICATION_CREDENTIALS_JSON", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"),
    # The address without the password beside it; in knative/ one Secret has both.
    *("RELAY_DATABASE_PASSWORD", "RELAY_REDIS_PASSWORD"),
}
ADDRESSES = {"RELAY_DATABASE_URL", "RELAY_REDIS_URL"}


def manifest(kind, name):
    return next(
        document
        for document in MANIFESTS
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )


def names(documents, kind):
    return {
        document["metadata"]["name"]
        for document in documents
        if document["kind"] == kind and document["apiVersion"].split("/")[0] != "v1"
    }


@pytest.mark.parametrize("document", MANIFESTS, ids=lambda one: one["metadata"]["name"])
def test_a_manifest_is_what_knative_takes(document):
    assert faults(document) == []


@pytest.mark.parametrize("kind", ["Broker", "Trigger", "PingSource", "Service"])
def test_the_names_are_the_same(kind):
    assert names(render(*AS_MANIFESTS), kind) == names(MANIFESTS, kind) != set()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (document["kind"], document["metadata"]["name"])
        for document in MANIFESTS
        if document["kind"] in ("Trigger", "PingSource")
    ],
)
def test_events_and_their_ways_are_the_same(kind, name):
    assert one(render(*AS_MANIFESTS), kind, name)["spec"] == manifest(kind, name)["spec"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_function_starts_scales_and_is_probed_alike(name):
    ours, plain = knative_service(render(*AS_MANIFESTS), name), manifest("Service", name)
    scaling = {
        key: value
        for key, value in ours["spec"]["template"]["metadata"]["annotations"].items()
        if key.startswith("autoscaling.knative.dev/")
    }
    assert scaling == plain["spec"]["template"]["metadata"]["annotations"]
    visibility = "networking.knative.dev/visibility"
    assert ours["metadata"]["labels"][visibility] == plain["metadata"]["labels"][visibility]
    for field in (
        *("containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"),
        "enableServiceLinks",
    ):
        assert pod_spec(ours)[field] == pod_spec(plain)[field]
    [container], [other] = pod_spec(ours)["containers"], pod_spec(plain)["containers"]
    for field in (
        *("name", "command", "args", "readinessProbe", "livenessProbe", "resources"),
        "securityContext",
    ):
        assert container[field] == other[field]


@pytest.mark.parametrize("name", SERVICES)
def test_a_function_has_the_same_environment(name):
    ours = environment(knative_service(render(*AS_MANIFESTS), name))
    plain = environment(manifest("Service", name))
    assert set(ours) - set(plain) <= CHART_ONLY
    assert set(plain) <= set(ours)
    for variable in set(plain) - ADDRESSES:
        assert ours[variable] == plain[variable], variable


def test_make_dev_would_read_the_same_from_the_render(tmp_path):
    kinds = ("Broker", "Trigger", "PingSource")
    written = [
        document
        for document in render(*AS_MANIFESTS)
        if document["kind"] in kinds or document["apiVersion"] == "serving.knative.dev/v1"
    ]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(written))
    ours, plain = load_manifests(tmp_path), load_manifests(MANIFESTS_DIRECTORY)
    assert comparable(ours) == comparable(plain)


def comparable(manifests):
    """All of it but the compiled filters, which are compared as they are written above."""
    return {
        "broker": msgspec.to_builtins(manifests.broker),
        "services": sorted(manifests.services),
        "ping_sources": {source.name: source for source in manifests.ping_sources},
        "triggers": {
            trigger.name: (trigger.broker, trigger.subscriber, trigger.delivery)
            for trigger in manifests.triggers
        },
    }


def test_without_knative_cron_jobs_post_the_same_events():
    objects = render("--set", "runtime=kubernetes", *AS_MANIFESTS)
    for source in load_manifests(MANIFESTS_DIRECTORY).ping_sources:
        job = one(objects, "CronJob", source.name)
        variables = environment(job)
        assert job["spec"]["schedule"] == source.schedule
        assert job["spec"]["timeZone"] == source.timezone
        assert variables["CE_SOURCE"] == source.source
        assert variables["CE_TYPE"] == "dev.knative.sources.ping"
        assert yaml.safe_load(variables["DATA"]) == yaml.safe_load(source.data)
        assert variables["TARGET"] == "http://relay-cleanup.default.svc.cluster.local/"
