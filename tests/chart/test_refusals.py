"""What contradicts itself fails with a sentence that names the value and the way out."""

import pytest

from cli.kubernetes import release_secrets
from tests.support.chart import SETS, refusal, render, run_helm, settings

EXTERNAL = {"redis__enabled": False, "externalRedis__host": "redis"}
DATABASE = {"postgresql__enabled": False, "externalDatabase__host": "postgres"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"redis__enabled": False}, "there is no Redis: set redis.enabled=true"),
        ({"externalRedis__host": "redis"}, "set redis.enabled=false to use yours"),
        ({"postgresql__enabled": False}, "there is no Postgres: set postgresql.enabled=true"),
        ({"externalDatabase__host": "postgres"}, "set postgresql.enabled=false to use yours"),
        (
            {**DATABASE, "externalDatabase__url": "postgresql://u@h/d"},
            "externalDatabase.url and externalDatabase.host are both given",
        ),
        (
            {"postgresql__enabled": False, "externalDatabase__url": "postgresql://u:a%40b@h/d"},
            "percent-encoded",
        ),
        (
            {
                "postgresql__enabled": False,
                "externalDatabase__url": "postgresql://u:a@h/d",
                "externalDatabase__password": "b",
            },
            "has a password",
        ),
        ({**DATABASE, "externalDatabase__sslMode": "verify-full"}, "externalDatabase.caSecret"),
        (
            {**DATABASE, "externalDatabase__existingSecret": "s", "externalDatabase__password": 1},
            "are both given",
        ),
        (
            {**EXTERNAL, "externalRedis__mode": "cluster", "externalRedis__database": 2},
            "Redis Cluster has database 0 only",
        ),
        ({**EXTERNAL, "externalRedis__nodes": ["a"]}, "set the mode to sentinel or cluster"),
        ({**EXTERNAL, "externalRedis__caSecret": "ca"}, "set externalRedis.tls=true"),
        ({**EXTERNAL, "externalRedis__username": "relay"}, "without a password"),
        (
            {**EXTERNAL, "externalRedis__existingSecret": "s", "externalRedis__password": "p"},
            "are both given",
        ),
        (
            {"autoscaling__enabled": True, "autoscaling__targetMemoryUtilizationPercentage": 80},
            "Knative scales by one metric",
        ),
        (
            {"autoscaling__enabled": True, "autoscaling__targetCPUUtilizationPercentage": 0},
            "without a metric",
        ),
        ({"autoscaling__enabled": True, "autoscaling__minReplicas": 101}, "is more than"),
        (
            {"autoscaling__enabled": True, "resources": {"requests": {"memory": "1Gi"}}},
            "set resources.requests.cpu",
        ),
        ({"replicaCount": 21}, "is more than functions.relay.maxScale (20)"),
        ({"functions__cleanup__minScale": 3}, "functions.cleanup.minScale (3)"),
        ({"pii__minScale": 5}, "pii.minScale (5) is more than its maxScale (4)"),
        ({"secrets__create": False, "secrets__openaiApiKey": "k"}, "set secrets.create=true"),
        (
            {"secrets__existingSecret": "s", "secrets__geminiApiKey": 7},
            "secrets.geminiApiKey and secrets.existingSecret are both given",
        ),
        ({"secrets__azureOpenaiApiKey": "k"}, "set that, too"),
        ({"secrets__awsAccessKeyId": "k"}, "without secrets.awsRegion"),
        (
            {"secrets__existingMasterKeySecret": "s", "secrets__masterKey": "1234567890123456"},
            "secrets.masterKey and secrets.existingMasterKeySecret",
        ),
        ({"config__logMaxSize": "63k"}, "64k at the least"),
        ({"config__rollupRetentionDays": 60}, "or to at least 61"),
        (
            {"config__rollupRetentionDays": 60, "config__tokenUsageRetention": 0},
            "keeps rows for ever",
        ),
        ({"storage__logs__mode": "pvc"}, "storage.logs.persistence.enabled=true"),
        (
            {
                "storage__logs__mode": "pvc",
                "storage__logs__persistence": {"enabled": True, "accessMode": "ReadWriteOnce"},
            },
            "use ReadWriteMany",
        ),
        ({"storage__logs__mode": "forward"}, "say where to"),
        ({"config__port": 9090}, "config.port is 9090"),
        ({"config__port": 9464}, "the metrics (9464)"),
        ({"config__cleanupInterval": 2700000}, "1800000 and 3600000"),
        ({"config__cleanupInterval": 60000}, "the nearest that it can: 600000"),
        ({"config__cleanupInterval": 3600001}, "3600000 and 7200000"),
        ({"broker__class": "GoogleCloud"}, "set broker.sinkUrl"),
        ({"broker__sinkBinding": True, "broker__sinkUrl": "http://x"}, "are both given"),
        (
            {"serviceMonitor__interval": "15s", "prometheus__serviceMonitor__interval": "20s"},
            "two names of one value",
        ),
    ],
)
def test_a_contradiction_is_a_sentence(values, said):
    assert said in refusal(*settings(**values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicaCout": 2}, "replicaCout"),
        ({"config__loglevel": "info"}, "loglevel"),
        ({"ingress__hosts": [{"hostname": "x"}]}, "hostname"),
        ({"redis__foo": 1}, "foo"),
        ({"postgresql__persistence__siz": "1Gi"}, "siz"),
        ({"prometheus__serviceMonitor__intervall": "1s"}, "intervall"),
        ({"config__port": "abc"}, "config"),
        ({"config__logLevel": "loud"}, "logLevel"),
        ({"config__timezoneOffset": 5.5}, "timezoneOffset"),
        ({"replicaCount": -1}, "replicaCount"),
        ({"ingress__enabled": "yes"}, "enabled"),
        ({"storage__data__type": "pvc"}, "type"),
        ({"image__digest": "latest"}, "digest"),
    ],
)
@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_misspelt_key_or_a_wrong_type_is_named(helm, values, said):
    assert said in refusal(*settings(**values), helm=helm)


@pytest.mark.parametrize(
    "path",
    ["secrets.masterKey", "secrets.internalSecret", "config.encryptionKey", "config.adminPassword"],
)
def test_a_given_secret_is_as_long_as_the_job_wants_it(path):
    least = release_secrets._CHARACTERS_MIN[path.partition(".")[2]]
    said = refusal("--set-string", f"{path}={'x' * (least - 1)}")
    assert f"{path} has {least - 1} characters: it needs at least {least}" in said
    assert render("--set-string", f"{path}={'x' * least}")


@pytest.mark.parametrize("release", ["1relay", "re.lay"])
def test_a_release_that_is_no_name_of_a_service_is_refused(release):
    assert "must begin with a letter" in refusal(release=release)


def test_one_pod_of_each_may_share_a_claim_of_one_node():
    once = settings(
        storage__logs__mode="pvc",
        storage__logs__persistence={"enabled": True, "accessMode": "ReadWriteOnce"},
        functions__relay__maxScale=1,
        functions__keyAdmin__maxScale=1,
        functions__usageAggregation__maxScale=1,
        functions__cleanup__maxScale=1,
        functions__notifications__maxScale=1,
    )
    assert render(*once)


def test_a_chart_above_may_say_global_and_enabled(tmp_path, chart_copy):
    above = tmp_path / "above"
    (above / "charts").mkdir(parents=True)
    chart_copy.rename(above / "charts" / "relay")
    (above / "Chart.yaml").write_text(
        "apiVersion: v2\nname: above\nversion: 1.0.0\n"
        "dependencies: [{name: relay, version: 0.1.0, condition: relay.enabled}]\n"
    )
    (above / "values.yaml").write_text(
        "global: {region: eu}\nrelay: {enabled: true, replicaCount: 1}\n"
    )
    done = run_helm("template", "x", str(above))
    assert done.returncode == 0, done.stderr


def test_no_value_set_is_refused_for_another_reason_than_its_own():
    assert all("fail" not in path.read_text() for path in SETS)
