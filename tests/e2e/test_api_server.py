"""A release over its whole life, against a real kube-apiserver and with the hook's own rights."""

import pytest

from tests.support.api_server import ApiServer, why_skipped
from tests.support.chart import CHART

pytestmark = [
    pytest.mark.skipif(why_skipped() is not None, reason=why_skipped() or ""),
    pytest.mark.timeout(900),
]
NAMESPACE = "default"
KEPT = ("relay-master-key", "relay-internal", "llm-proxy-master-key")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ApiServer(tmp_path_factory.mktemp("cluster")) as server:
        yield server


def succeeds(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(server):
    return {name: server.secret(NAMESPACE, name) for name in KEPT}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_secrets_are_the_same_bytes_over_the_release_s_life(server, helm):
    for name in KEPT:
        server.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")

    def upgrade(*arguments):
        succeeds(server.helm("upgrade", "relay", str(CHART), *arguments, helm=helm))

    said = succeeds(server.helm("install", "relay", str(CHART), helm=helm))
    assert "get secret relay-master-key" in said
    first = kept(server)
    assert all(first.values())
    assert first["llm-proxy-master-key"] == first["relay-master-key"]
    assert len(first["relay-master-key"]["PROXY_MASTER_KEY"]) == 32
    # The hook leaves nothing behind.
    assert server.secret(NAMESPACE, "relay-given") is None
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles"
    assert "relay-ensure-secrets" not in server.names(role)

    upgrade("--set", "secrets.openaiApiKey=sk-1", "--reuse-values")
    upgrade("--set", "config.jwtSecret=another,secrets.masterKey=another-master-key")
    upgrade("--reset-values")
    succeeds(server.helm("rollback", "relay", "1", helm=helm))
    assert kept(server) == first
    succeeds(server.helm("uninstall", "relay", helm=helm))
    assert kept(server) == first
    services = f"/api/v1/namespaces/{NAMESPACE}/services"
    assert "relay" not in server.names(services)
    succeeds(server.helm("install", "relay", str(CHART), helm=helm))
    assert kept(server) == first
    succeeds(server.helm("uninstall", "relay", helm=helm))


def test_another_database_password_stops_the_upgrade(server):
    succeeds(server.helm("upgrade", "--install", "relay", str(CHART)))
    before = kept(server)
    done = server.helm("upgrade", "relay", str(CHART), "--set", "postgresql.auth.password=other")
    assert done.returncode != 0
    assert kept(server) == before
    succeeds(server.helm("upgrade", "relay", str(CHART)))
    succeeds(server.helm("uninstall", "relay"))


def test_another_encryption_key_is_added(server):
    succeeds(server.helm("upgrade", "--install", "relay", str(CHART)))
    before = server.secret(NAMESPACE, "relay-internal")["RELAY_ENCRYPTION_KEYS"]
    succeeds(
        server.helm("upgrade", "relay", str(CHART), "--set", "config.encryptionKey=another-one")
    )
    after = server.secret(NAMESPACE, "relay-internal")["RELAY_ENCRYPTION_KEYS"]
    assert after != before
    assert after.endswith(before)
    succeeds(server.helm("uninstall", "relay"))


def test_two_releases_live_in_one_namespace(server):
    for name in ("one", "two"):
        succeeds(server.helm("install", name, str(CHART)))
    keys = [server.secret(NAMESPACE, f"{name}-master-key") for name in ("one", "two")]
    assert keys[0] != keys[1]
    for name in ("one", "two"):
        succeeds(server.helm("uninstall", name))


def test_without_knative_it_installs_too(server):
    succeeds(server.helm("install", "relay", str(CHART), "--set", "runtime=kubernetes"))
    cron = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"
    assert "relay-outbox" in server.names(cron)
    succeeds(server.helm("uninstall", "relay"))
