"""Secrets: nothing made up is rendered, nothing given leaks, whatever renders the chart."""

import base64
import re

import pytest
import yaml

from tests.support.chart import (
    CHART,
    SETS,
    environment,
    knative_service,
    notes,
    one,
    pod_spec,
    render,
    rendered,
    run_helm,
    settings,
)

TEMPLATES = sorted(path for path in CHART.rglob("templates/**/*") if path.is_file())


def data(objects, name):
    return {
        key: base64.b64decode(value).decode()
        for key, value in (one(objects, "Secret", name).get("data") or {}).items()
    }


@pytest.mark.parametrize("values", SETS[::16], ids=lambda path: path.name)
@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_two_renders_are_the_same_bytes(values, helm):
    arguments = ("template", "relay", str(CHART), "-f", str(values))
    again = run_helm(*arguments, "--namespace", "default", helm=helm).stdout
    assert again == rendered("-f", str(values), helm=helm) != ""


def test_no_template_makes_anything_up():
    made = re.compile(r"\b(rand\w+|genCA\w*|gen\w*Cert\w*|genPrivateKey|uuidv4|now|htpasswd)\b")
    for path in TEMPLATES:
        code = re.findall(r"{{.*?}}", path.read_text(), re.DOTALL)
        assert not made.search(" ".join(code)), path


def test_lookup_only_tells_whether_a_cluster_answers():
    found = [
        line for path in TEMPLATES for line in path.read_text().splitlines() if "lookup" in line
    ]
    assert len(found) == 1
    assert '(lookup "v1" "Namespace" "" "kube-system")' in found[0]


def test_provider_keys_are_rendered_when_given_and_only_then():
    assert not any(
        written["metadata"]["name"] == "relay-llm-proxy"
        for written in render("--set", "secrets.openaiApiKey=")
    )
    objects = render(*settings(secrets__openaiApiKey="sk-1", secrets__geminiApiKey=12345678901))
    assert data(objects, "relay-llm-proxy") == {
        "OPENAI_API_KEY": "sk-1",
        "GEMINI_API_KEY": "12345678901",
    }
    reference = environment(knative_service(objects, "relay-relay"))["OPENAI_API_KEY"]
    assert reference == {
        "secretKeyRef": {"name": "relay-llm-proxy", "key": "OPENAI_API_KEY", "optional": True}
    }


def test_a_changed_provider_key_makes_a_new_revision():
    def annotations(key):
        service = knative_service(render(*settings(secrets__openaiApiKey=key)), "relay-relay")
        return service["spec"]["template"]["metadata"]["annotations"]

    assert annotations("sk-1") != annotations("sk-2")
    assert "sk-1" not in str(annotations("sk-1"))


def test_an_existing_secret_is_referred_to_by_its_own_keys():
    objects = render("-f", str(CHART / "ci/secrets-external-values.yaml"))
    variables = environment(knative_service(objects, "relay-key-admin"))
    assert variables["OPENAI_API_KEY"]["secretKeyRef"] == {
        "name": "llm-proxy-secrets",
        "key": "openai",
        "optional": True,
    }
    assert variables["PROXY_MASTER_KEY"]["secretKeyRef"]["name"] == "relay-master"
    # A missing master key stops the pod, by name.
    assert "optional" not in variables["PROXY_MASTER_KEY"]["secretKeyRef"]


def test_what_is_given_goes_to_the_job_as_text():
    objects = render("-f", str(CHART / "ci/secrets-given-values.yaml"))
    assert data(objects, "relay-given") == {
        "masterKey": "1234567890123456",
        "internalSecret": "0123456789abcdef0123456789abcdef",
        "jwtSecret": "",
        "encryptionKey": "",
        "adminUsername": "7",
        "adminPassword": "12345678",
        "databasePassword": "4711",
        "redisPassword": "true",
    }


def job_of(objects):
    [job] = [
        written
        for written in objects
        if written["kind"] == "Job" and "ensure-secrets" in written["metadata"]["name"]
    ]
    return job


def test_the_job_may_do_what_it_does_and_nothing_else():
    objects = render()
    role = one(objects, "Role", "relay-ensure-secrets")
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["relay-master-key", "relay-internal", "llm-proxy-master-key"],
            "verbs": ["get", "patch"],
        },
    ]
    spec = pod_spec(job_of(objects))
    assert spec["serviceAccountName"] == "relay-ensure-secrets"
    [container] = spec["containers"]
    assert container["command"] == ["python", "-m", "cli.main", "ensure-secrets"]
    assert container["args"] == [
        *("--release", "relay", "--namespace", "default", "--given", "/etc/relay/given"),
        *("--alias", "llm-proxy-master-key"),
    ]


def test_the_job_is_a_hook_before_all_else_and_leaves_nothing():
    hooks = {
        (written["kind"], written["metadata"]["name"].removesuffix("-given")): annotations
        for written in render()
        if "helm.sh/hook" in (annotations := written["metadata"].get("annotations") or {})
        and annotations["helm.sh/hook"] != "test"
    }
    assert {kind for kind, _ in hooks} == {"ServiceAccount", "Role", "RoleBinding", "Secret", "Job"}
    for (kind, _), annotations in hooks.items():
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        assert annotations["helm.sh/hook-weight"] == ("-5" if kind == "Job" else "-10")


def test_without_an_alias_and_with_a_secret_of_yours():
    objects = render(*settings(secrets__masterKeyAlias="", secrets__existingMasterKeySecret="own"))
    [container] = pod_spec(job_of(objects))["containers"]
    assert container["args"][6:] == ["--master-key-secret", "own"]
    names = one(objects, "Role", "relay-ensure-secrets")["rules"][1]["resourceNames"]
    assert names == ["relay-master-key", "relay-internal", "own"]


def test_jobs_have_another_name_when_they_would_have_to_change():
    """A Job is immutable; where hooks are not run it is applied as it stands."""

    def names(*arguments):
        return {
            written["metadata"]["name"]
            for written in render(*arguments)
            if written["kind"] == "Job"
        }

    assert len(names()) == 2
    assert names() == names("--set", "replicaCount=1,config.logLevel=debug")
    assert not names() & names("--set", "image.tag=9.9.9")
    assert len(names() & names("--set", "config.jwtSecret=abc")) == 1


def test_passwords_of_external_stores_are_in_no_address():
    text = rendered(
        *settings(
            redis__enabled=False,
            externalRedis={"host": "r", "password": "red-pass", "tls": True, "database": 2},
            postgresql__enabled=False,
            externalDatabase__url="postgres://app:pg-pass@db:5433/app?connect_timeout=3",
        )
    )
    assert "red-pass" not in text
    assert "pg-pass" not in text
    objects = list(yaml.safe_load_all(text))
    assert data(objects, "relay-external") == {
        "DATABASE_PASSWORD": "pg-pass",
        "REDIS_PASSWORD": "red-pass",
    }
    variables = environment(knative_service(objects, "relay-cleanup"))
    assert variables["RELAY_REDIS_URL"] == "rediss://r:6379/2"
    assert variables["RELAY_DATABASE_URL"] == "postgresql://app@db:5433/app?connect_timeout=3"
    assert variables["RELAY_REDIS_PASSWORD"]["secretKeyRef"]["name"] == "relay-external"


def test_notes_tell_commands_and_no_secret():
    said = notes(
        *settings(
            secrets__openaiApiKey="sk-secret-1",
            config__adminPassword="secret-2",
            secrets__masterKey="secret-3-secret-3",
            image__repository="ghcr.io/geeper-io/relay",
            runtime="knative",
            nodeSelector={"a": "b"},
            persistence__chroma__enabled=True,
        )
    )
    assert "secret-" not in said.replace("/relay-master-key", "")
    assert "get secret relay-master-key -o jsonpath='{.data.PROXY_MASTER_KEY}'" in said
    assert "an image of another program" in said
    assert "kubernetes.podspec-nodeselector" in said
    assert "make no claims" in said
    assert "No provider key" not in said
    assert "No provider key" in notes()


@pytest.mark.parametrize(
    ("values", "url"),
    [
        (
            "redis-sentinel",
            "redis+sentinel://sentinel-0.redis:26379,sentinel-1.redis:26379,"
            "sentinel-2.redis:26379/relay/0",
        ),
        (
            "redis-cluster",
            "rediss+cluster://relay@redis-0.redis,redis-1.redis,redis-2.redis/0"
            "?ssl_ca_certs=/etc/relay/redis-ca/ca.crt",
        ),
        (
            "redis-tls-private-ca",
            "rediss://relay@redis.data.svc.cluster.local:6380/3"
            "?ssl_ca_certs=/etc/relay/redis-ca/ca.crt",
        ),
        ("redis-tls-unchecked", "rediss://10.0.0.7:6379/0?ssl_cert_reqs=none"),
    ],
)
def test_redis_is_named_as_it_is(values, url):
    objects = render("-f", str(CHART / f"ci/{values}-values.yaml"))
    service = knative_service(objects, "relay-relay")
    assert environment(service)["RELAY_REDIS_URL"] == url
    mounted = {mount["name"] for mount in pod_spec(service)["containers"][0]["volumeMounts"]}
    assert ("redis-ca" in mounted) == ("ssl_ca_certs" in url)


def test_migrations_go_past_the_pooler():
    objects = render("-f", str(CHART / "ci/postgres-cloudnativepg-values.yaml"))
    [job] = [
        written
        for written in objects
        if written["kind"] == "Job" and "migrations" in written["metadata"]["name"]
    ]
    assert environment(job)["RELAY_DATABASE_URL"] == (
        "postgresql://app@relay-pg-rw:5432/app?sslmode=require"
    )
    assert environment(knative_service(objects, "relay-cleanup"))["RELAY_DATABASE_URL"] == (
        "postgresql://app@relay-pg-pooler-rw:5432/app?sslmode=require"
    )
