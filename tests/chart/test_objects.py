"""What values beyond those of the seed documents do."""

import pytest

from tests.support.chart import (
    CHART,
    environment,
    knative_service,
    notes,
    one,
    pod_spec,
    render,
    settings,
)

FUNCTIONS = ("relay", "key-admin", "usage-aggregation", "cleanup", "notifications")


def of_set(name):
    return render("-f", str(CHART / f"ci/{name}-values.yaml"))


def edge_conf(objects):
    return one(objects, "ConfigMap", "relay-edge")["data"]["nginx.conf"]


def test_the_edge_is_configured_by_values():
    conf = edge_conf(of_set("load-balancer"))
    assert "client_max_body_size 64m;" in conf
    assert "set_real_ip_from 10.0.0.0/8;" in conf
    assert "resolver kube-dns.kube-system.svc.cluster.local " in conf
    for function in ("relay", "key-admin"):
        assert f'"relay-{function}.default.svc.cluster.local"' in conf
    assert '"~^/internal/" "key_admin";' in conf.partition("map $uri")[0]
    hidden = edge_conf(of_set("internal-in-cluster"))
    assert '"~^/internal/" "key_admin";' not in hidden.partition("map $uri")[0]
    other = edge_conf(render(*settings(clusterDomain="corp.local", edge__resolver="10.0.0.10")))
    assert "resolver 10.0.0.10 " in other
    assert "relay-relay.default.svc.corp.local" in other


def test_a_changed_configuration_of_the_edge_rolls_its_pods():
    def annotations(*arguments):
        template = one(render(*arguments), "Deployment", "relay-edge")["spec"]["template"]
        return template["metadata"]["annotations"]

    assert annotations() != annotations("--set", "edge.bodyLimit=1m")
    assert annotations() == annotations("--set", "config.logLevel=debug")


def test_the_edge_reads_its_token_from_the_secret_that_is_made():
    spec = pod_spec(one(render(), "Deployment", "relay-edge"))
    token = next(volume for volume in spec["volumes"] if volume["name"] == "token")
    assert token["secret"] == {
        "secretName": "relay-internal",
        "items": [{"key": "edge-token.conf", "path": "token.conf"}],
    }
    # As long as an open stream may last, and the sleep before it.
    assert spec["terminationGracePeriodSeconds"] > 600 + 5


@pytest.mark.parametrize(
    ("values", "sink"),
    [
        ({}, "http://broker-ingress.knative-eventing.svc.cluster.local/default/relay"),
        (
            {"broker__class": "Kafka"},
            "http://kafka-broker-ingress.knative-eventing.svc.cluster.local/default/relay",
        ),
        (
            {"broker__class": "KafkaNamespaced"},
            "http://kafka-broker-ingress.default.svc.cluster.local/default/relay",
        ),
        (
            {"broker__class": "RabbitMQBroker"},
            "http://relay-broker-ingress.default.svc.cluster.local",
        ),
        ({"broker__sinkUrl": "https://e.example/x"}, "https://e.example/x"),
        ({"broker__sinkBinding": True}, None),
    ],
)
def test_events_are_sent_where_the_broker_is(values, sink):
    objects = render(*settings(**values))
    for function in ("relay", "key-admin", "usage-aggregation", "cleanup"):
        written = knative_service(objects, f"relay-{function}")
        assert environment(written).get("K_SINK") == sink
    bindings = {
        written["metadata"]["name"] for written in objects if written["kind"] == "SinkBinding"
    }
    assert bindings == (
        {"relay-relay", "relay-key-admin", "relay-usage-aggregation", "relay-cleanup"}
        if sink is None
        else set()
    )


@pytest.mark.parametrize(
    ("function", "receiver"),
    [
        ("relay", "usage-aggregation"),
        ("key-admin", "notifications"),
        ("usage-aggregation", "notifications"),
        ("cleanup", "notifications"),
    ],
)
def test_without_a_broker_usage_goes_to_the_ledger_and_the_rest_to_people(function, receiver):
    objects = render(*settings(runtime="kubernetes"))
    sink = environment(one(objects, "Deployment", f"relay-{function}"))["K_SINK"]
    assert sink == f"http://relay-{receiver}.default.svc.cluster.local"


def test_the_broker_is_of_the_class_and_configuration_of_values():
    broker = one(of_set("broker-kafka"), "Broker", "relay")
    assert broker["metadata"]["annotations"] == {"eventing.knative.dev/broker.class": "Kafka"}
    assert broker["spec"]["config"]["name"] == "kafka-broker-config"
    assert "annotations" not in one(render(), "Broker", "relay")["metadata"]


def test_without_knative_there_is_nothing_of_knative():
    objects = of_set("runtime-kubernetes")
    assert not [written for written in objects if "knative.dev" in written["apiVersion"]]
    for function in FUNCTIONS:
        name = f"relay-{function}"
        spec = pod_spec(one(objects, "Deployment", name))
        assert spec["containers"][0]["readinessProbe"]["httpGet"]["port"] == "http"
        assert spec["terminationGracePeriodSeconds"] == 600
        assert environment(one(objects, "Deployment", name))["PORT"] == "3000"
        service = one(objects, "Service", name)["spec"]
        assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
        scaler = one(objects, "HorizontalPodAutoscaler", name)["spec"]
        assert (scaler["minReplicas"], scaler["scaleTargetRef"]["name"]) == (1, name)
        assert "replicas" not in one(objects, "Deployment", name)["spec"]


def test_without_knative_an_hpa_takes_both_metrics():
    scaler = one(of_set("runtime-kubernetes-hpa"), "HorizontalPodAutoscaler", "relay-relay")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 30)
    targets = {
        metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"]
        for metric in scaler["metrics"]
    }
    assert targets == {"cpu": 70, "memory": 80}


def test_policies_let_in_who_belongs_there():
    objects = of_set("network-policies")
    [knative, monitoring] = one(objects, "NetworkPolicy", "relay-relay")["spec"]["ingress"]
    [peer] = knative["from"]
    assert "knative-serving" in peer["namespaceSelector"]["matchExpressions"][0]["values"]
    assert {"port": 9464} in monitoring["ports"]
    stores = one(objects, "NetworkPolicy", "relay-redis")["spec"]["ingress"]
    assert stores[0]["ports"] == [{"port": 6379}]
    allowed = stores[0]["from"][0]["podSelector"]["matchExpressions"][0]["values"]
    assert set(FUNCTIONS) < set(allowed)
    assert not [written for written in render() if written["kind"] == "NetworkPolicy"]


def test_the_metrics_services_select_pods_and_the_monitor_selects_them():
    objects = of_set("seed1-service-monitor")
    monitor = one(objects, "ServiceMonitor", "relay")["spec"]
    selected = [
        written["metadata"]["name"]
        for written in objects
        if written["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= written["metadata"]["labels"].items()
    ]
    assert sorted(selected) == sorted(f"relay-{function}-metrics" for function in FUNCTIONS)
    for name in selected:
        spec = one(objects, "Service", name)["spec"]
        assert spec["clusterIP"] == "None"
        assert spec["ports"][0]["port"] == 9464
        template = knative_service(objects, name.removesuffix("-metrics"))["spec"]["template"]
        assert spec["selector"].items() <= template["metadata"]["labels"].items()
    # From another namespace it looks into the release's.
    assert monitor["namespaceSelector"] == {"matchNames": ["default"]}


def test_pods_are_the_same_after_an_upgrade_of_the_chart_alone(chart_copy):
    def templates(objects):
        return {
            (written["kind"], written["metadata"]["name"]): written["spec"]["template"]
            for written in objects
            if "template" in written.get("spec", {})
        }

    for file in (chart_copy / "Chart.yaml", *chart_copy.glob("charts/*/Chart.yaml")):
        file.write_text(file.read_text().replace("\nversion: 0.1.0", "\nversion: 0.2.0"))
    chart = chart_copy / "Chart.yaml"
    chart.write_text(chart.read_text().replace("    version: 0.1.0", "    version: 0.2.0"))
    (chart_copy / "Chart.lock").unlink()
    assert templates(render(chart=chart_copy)) == templates(render())


def test_scheduling_and_labels_reach_the_pods():
    objects = of_set("scheduling")
    template = knative_service(objects, "relay-relay")["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "platform"
    assert template["metadata"]["annotations"]["example.com/scrape"] == "true"
    spec = template["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    [spread] = spec["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "relay"
    assert spec["priorityClassName"] == "high"
    assert spec["securityContext"] == {"fsGroup": 10001}
    assert objects[0]["metadata"]["labels"]["cost-centre"] == "4711"
    assert pod_spec(one(objects, "StatefulSet", "relay-postgresql"))["nodeSelector"] == {
        "disk": "ssd"
    }


def test_what_needs_a_feature_flag_of_knative_is_not_rendered_unasked():
    flagged = {
        *("securityContext", "nodeSelector", "tolerations", "affinity", "priorityClassName"),
        *("topologySpreadConstraints", "initContainers"),
    }
    for function in FUNCTIONS:
        spec = pod_spec(knative_service(render(), f"relay-{function}"))
        assert flagged.isdisjoint(spec)
        assert all("emptyDir" in volume for volume in spec["volumes"])


def test_images_come_from_one_registry_with_its_secret():
    objects = of_set("own-registry")
    for written in objects:
        if "template" not in written.get("spec", {}):
            continue
        spec = pod_spec(written)
        assert spec["imagePullSecrets"] == [{"name": "registry"}], written["metadata"]["name"]
        for container in spec["containers"]:
            assert container["image"].startswith("registry.example.com/")
    image = pod_spec(knative_service(objects, "relay-relay"))["containers"][0]["image"]
    assert "@sha256:" in image


def test_extra_environment_and_volumes_reach_the_functions():
    objects = of_set("extra")
    for function in FUNCTIONS:
        service = knative_service(objects, f"relay-{function}")
        assert environment(service)["HTTPS_PROXY"] == "http://proxy.example.com:3128"
        [container] = pod_spec(service)["containers"]
        assert {"name": "authorities", "mountPath": "/etc/ssl/extra", "readOnly": True} in (
            container["volumeMounts"]
        )
        assert container["resources"]["requests"] == {"cpu": "200m", "memory": "256Mi"}
    annotations = one(objects, "ServiceAccount", "relay")["metadata"]["annotations"]
    assert annotations["eks.amazonaws.com/role-arn"].endswith("role/relay")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"autoscaling__enabled": True}, "never scales to zero"),
        ({"config__timeoutSeconds": 1800}, "max-revision-timeout-seconds"),
        ({"redis__persistence__enabled": False}, "a restarted Redis loses"),
        ({"postgresql__persistence__enabled": False}, "a restarted Postgres loses"),
        ({"storage__data__external__enabled": True}, "kubernetes.podspec-persistent-volume-claim"),
        (
            {"storage__logs__mode": "pvc", "storage__logs__persistence__enabled": True},
            "writable for uid 65532",
        ),
        ({"internal__exposure": "cluster"}, "inside the cluster only"),
        ({"runtime": "kubernetes"}, "get deployments,jobs"),
    ],
)
def test_notes_warn(values, said):
    assert said in notes(*settings(**values))


def test_relay_takes_prices_from_the_external_data():
    def directory(**values):
        relay = knative_service(render(*settings(**values)), "relay-relay")
        return environment(relay).get("RELAY_PRICE_BOOK_DIRECTORY"), pod_spec(relay)

    assert directory()[0] is None
    found, pod = directory(storage__data__external__enabled=True)
    [mount] = [
        mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "external-data"
    ]
    assert mount["mountPath"] == found


def test_the_exporter_is_one_pod_that_is_scraped_and_reaches_the_stores():
    objects = of_set("exporter")
    exporter = one(objects, "Deployment", "relay-exporter")
    assert exporter["spec"]["replicas"] == 1
    [container] = pod_spec(exporter)["containers"]
    assert container["args"] == ["functions.exporter.main:application"]
    assert container["readinessProbe"]["httpGet"]["port"] == "http"
    variables = environment(exporter)
    assert variables["PORT"] == "3000"
    assert {"RELAY_REDIS_URL", "RELAY_DATABASE_URL"} < set(variables)
    assert not {"RELAY_INTERNAL_SECRET", "OPENAI_API_KEY", "PROXY_MASTER_KEY"} & set(variables)
    service = one(objects, "Service", "relay-exporter-metrics")
    labels = exporter["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["ports"][0]["targetPort"] == 9464
    monitored = one(objects, "ServiceMonitor", "relay")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= service["metadata"]["labels"].items()
    [monitoring] = one(objects, "NetworkPolicy", "relay-exporter")["spec"]["ingress"]
    assert monitoring["ports"] == [{"port": 9464}]
    for store in ("redis", "postgresql"):
        [rule] = one(objects, "NetworkPolicy", f"relay-{store}")["spec"]["ingress"]
        allowed = rule["from"][0]["podSelector"]["matchExpressions"][0]["values"]
        assert labels["app.kubernetes.io/component"] in allowed
    assert not [written for written in render() if "exporter" in written["metadata"]["name"]]
