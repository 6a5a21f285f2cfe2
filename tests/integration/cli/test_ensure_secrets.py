"""relayctl ensure-secrets against a server that answers as the Kubernetes API does."""

import itertools
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.main import relayctl
from tests.support.kubernetes_api import NAMESPACE, TOKEN, KubernetesAPI

KEEP = {
    "helm.sh/resource-policy": "keep",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
}


@pytest.fixture
def api():
    server = KubernetesAPI()
    yield server
    server.close()


@pytest.fixture
def ensure(api, tmp_path, monkeypatch):
    """Runs the command with values given as files."""
    monkeypatch.setattr("cli.kubernetes.api.WAIT_S_FIRST", 0.0)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    directories = itertools.count()

    def run(*arguments, code=0, namespace=NAMESPACE, **given):
        directory = tmp_path / f"given-{next(directories)}"
        directory.mkdir()
        for name, value in given.items():
            (directory / name).write_text(value)
        options = ["--kube-server", api.url, "--kube-token-file", str(token)]
        options += ["--namespace", namespace, "--given", str(directory)]
        result = CliRunner().invoke(
            relayctl, ["ensure-secrets", "--release", "relay", *options, *arguments]
        )
        assert result.exit_code == code, result.output
        for value in given.values():
            assert value == "" or value not in result.output
        for secret in api.secrets:
            assert not any(
                value in result.output for value in api.data(secret).values() if len(value) > 8
            )
        return result

    return run


def test_both_secrets_are_made_once(api, ensure):
    ensure("--alias", "llm-proxy-master-key")
    assert set(api.secrets) == {"relay-master-key", "relay-internal", "llm-proxy-master-key"}
    assert len(api.data("relay-master-key")["PROXY_MASTER_KEY"]) == 32
    assert api.data("llm-proxy-master-key") == api.data("relay-master-key")
    for secret in api.secrets.values():
        metadata = secret["metadata"]
        assert KEEP.items() <= metadata["annotations"].items()
        assert metadata["labels"] == {"app.kubernetes.io/managed-by": "relayctl"}
    before = dict(api.secrets)
    api.calls.clear()
    result = ensure("--alias", "llm-proxy-master-key")
    assert api.secrets == before
    assert "patch" not in {verb for verb, _ in api.calls}
    assert result.stdout.count("kept as it is") == 3
    assert result.stderr == ""


def test_given_values_are_kept_when_they_are_left_out_later(api, ensure):
    ensure(masterKey="a key of my own choice\n", redisPassword="", databasePassword="pass word")
    assert api.data("relay-master-key") == {"PROXY_MASTER_KEY": "a key of my own choice"}
    assert api.data("relay-internal")["DATABASE_PASSWORD"] == "pass word"
    assert len(api.data("relay-internal")["REDIS_PASSWORD"]) == 48
    before = dict(api.secrets)
    ensure()
    ensure(masterKey="a key of my own choice", databasePassword="pass word")
    assert api.secrets == before
    assert "rotate --kubernetes" in ensure(masterKey="quite another key").stderr
    assert api.secrets == before


def test_another_database_password_stops_before_anything_changes(api, ensure):
    ensure()
    before = dict(api.secrets)
    refused = ensure(code=1, databasePassword="a new one", encryptionKey="a passphrase")
    assert "ALTER ROLE relay PASSWORD" in refused.stderr
    assert api.secrets == before


def test_another_encryption_key_is_added(api, ensure):
    ensure()
    before = api.data("relay-internal")
    result = ensure(encryptionKey="a passphrase")
    after = api.data("relay-internal")
    assert "added RELAY_ENCRYPTION_KEYS" in result.stdout
    ring = after["RELAY_ENCRYPTION_KEYS"].split(",")
    assert ring[1:] == [before.pop("RELAY_ENCRYPTION_KEYS")]
    assert before.items() <= after.items()


def test_in_parallel_all_end_in_the_same_secrets(api, tmp_path):
    seen = []

    def remember(verb, name):
        seen.append({key: dict(secret["data"]) for key, secret in list(api.secrets.items())})

    api.before = remember
    command = [sys.executable, "-m", "cli.main", "ensure-secrets", "--release", "relay"]
    command += ["--namespace", NAMESPACE, "--kube-server", api.url, "--alias", "copy"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 5
    assert sum(output.count("relay-master-key: made") for output in outputs) == 1
    assert sum(output.count("relay-internal: made") for output in outputs) == 1
    # What was there at any moment is there at the end.
    for snapshot in seen:
        for name, data in snapshot.items():
            assert api.secrets[name]["data"] == data


def test_one_that_comes_first_wins(api, ensure):
    def interfere(verb, name):
        if (verb, name) == ("create", "relay-master-key") and name not in api.secrets:
            api.put(name, {"PROXY_MASTER_KEY": "theirs"})

    api.before = interfere
    ensure(masterKey="mine, mine, all mine")
    assert api.data("relay-master-key") == {"PROXY_MASTER_KEY": "theirs"}


def test_a_conflict_is_read_and_tried_again(api, ensure):
    api.put("relay-internal", {"RELAY_JWT_SECRET": "kept"})
    once = []

    def interfere(verb, name):
        if verb == "patch" and not once:
            once.append(name)
            api.put("relay-internal", {"RELAY_JWT_SECRET": "kept", "REDIS_PASSWORD": "theirs"})

    api.before = interfere
    ensure()
    data = api.data("relay-internal")
    assert (data["RELAY_JWT_SECRET"], data["REDIS_PASSWORD"]) == ("kept", "theirs")
    assert "RELAY_EDGE_TOKEN" in data


def test_one_that_is_deleted_meanwhile_is_made_again(api, ensure):
    api.put("relay-internal", {})
    once = []

    def interfere(verb, name):
        if verb == "patch" and not once:
            once.append(api.secrets.pop(name))

    api.before = interfere
    ensure()
    assert "RELAY_EDGE_TOKEN" in api.data("relay-internal")


def test_an_older_charts_secret_is_adopted(api, ensure):
    api.put(
        "relay-master-key",
        {"PROXY_MASTER_KEY": "from an older chart", "more": "x"},
        labels={
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/instance": "relay",
            "app.kubernetes.io/name": "relay",
        },
        annotations={"meta.helm.sh/release-name": "relay", "argocd.argoproj.io/tracking-id": "a:b"},
    )
    result = ensure()
    assert "relay-master-key: adopted" in result.stdout
    metadata = api.secrets["relay-master-key"]["metadata"]
    assert api.data("relay-master-key") == {"PROXY_MASTER_KEY": "from an older chart", "more": "x"}
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "relayctl",
        "app.kubernetes.io/name": "relay",
    }
    assert KEEP.items() <= metadata["annotations"].items()
    assert "argocd.argoproj.io/tracking-id" not in metadata["annotations"]
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "relay"


def test_argo_cd_prunes_none_of_them(api, ensure):
    api.put("other", {}, labels={"app.kubernetes.io/instance": "relay"})
    api.put("relay-internal", {"RELAY_JWT_SECRET": "kept"})
    api.secrets["relay-internal"]["metadata"]["labels"]["app.kubernetes.io/instance"] = "relay"
    ensure()
    # Argo CD stamps what it takes over once more.
    for name in ("relay-internal", "relay-master-key"):
        api.secrets[name]["metadata"]["labels"]["app.kubernetes.io/instance"] = "relay"
    assert api.prune() == ["other"]
    assert api.data("relay-internal")["RELAY_JWT_SECRET"] == "kept"


def test_another_releases_alias_stays_and_is_said(api, ensure):
    api.put(
        "llm-proxy-master-key",
        {"PROXY_MASTER_KEY": "of the other release"},
        annotations={"relay.ai/release": "other"},
    )
    result = ensure("--alias", "llm-proxy-master-key")
    assert "of the release other" in result.stderr
    assert api.data("llm-proxy-master-key") == {"PROXY_MASTER_KEY": "of the other release"}


def test_an_alias_that_is_the_secret_itself(api, ensure):
    ensure("--alias", "relay-master-key")
    assert set(api.secrets) == {"relay-master-key", "relay-internal"}


def test_an_operators_own_master_key_is_only_looked_for(api, ensure):
    late = ensure("--master-key-secret", "mine", "--wait-s", "0")
    assert "warning: the Secret mine in llm is not there yet" in late.stderr
    api.put("mine", {"other": "x"})
    assert (
        "has no PROXY_MASTER_KEY yet"
        in ensure("--master-key-secret", "mine", "--wait-s", "0").stderr
    )
    api.put("mine", {"PROXY_MASTER_KEY": "made by External Secrets"})
    before = api.secrets["mine"]
    assert ensure("--master-key-secret", "mine").stderr == ""
    assert api.secrets["mine"] == before
    assert set(api.secrets) == {"mine", "relay-internal"}


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_a_role_that_lacks_a_verb(api, ensure, verb):
    if verb == "patch":
        api.put("relay-internal", {})
    api.forbidden.add(verb)
    refused = ensure(code=1)
    assert f"may not {verb} the Secret relay-internal in the namespace llm" in refused.stderr
    assert f"verbs: [{verb}]" in refused.stderr
    names = 'resourceNames: ["relay-internal"]'
    assert (names in refused.stderr) is (verb != "create")


def test_a_namespace_that_is_not_there(ensure):
    refused = ensure(code=1, namespace="elsewhere")
    assert "there is no namespace elsewhere" in refused.stderr
    assert "--namespace" in refused.stderr


def test_an_immutable_secret_that_lacks_something(api, ensure):
    api.put("relay-internal", {}, immutable=True)
    assert "is immutable and lacks DATABASE_PASSWORD" in ensure(code=1).stderr


def test_an_api_server_that_is_away(api, ensure):
    api.unavailable = 2
    assert ensure().stderr.count("tried again") == 2
    api.unavailable = 100
    away = ensure(code=3)
    assert "answers 503" in away.stderr
    assert "NetworkPolicies" in away.stderr
    api.close()
    assert "cannot be reached" in ensure(code=3).stderr


def test_a_wrong_token(ensure, tmp_path):
    (tmp_path / "wrong").write_text("another")
    refused = ensure("--kube-token-file", str(tmp_path / "wrong"), code=1)
    assert "does not know us (401" in refused.stderr


def test_in_a_pod(tmp_path, monkeypatch):
    monkeypatch.setattr("cli.kubernetes.api.WAIT_S_FIRST", 0.0)
    monkeypatch.setattr("cli.kubernetes.access.SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    arguments = ["ensure-secrets", "--release", "relay"]
    outside = CliRunner().invoke(relayctl, [*arguments, "--namespace", NAMESPACE])
    assert (outside.exit_code, "this is no pod" in outside.stderr) == (2, True)
    assert "--namespace" in CliRunner().invoke(relayctl, arguments).stderr
    api = KubernetesAPI(tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api.port))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text(NAMESPACE)
    (tmp_path / "ca.crt").write_text((tmp_path / "127.0.0.1.crt").read_text())
    try:
        inside = CliRunner().invoke(relayctl, arguments)
        assert inside.exit_code == 0, inside.output
        assert set(api.secrets) == {"relay-master-key", "relay-internal"}
        other = tmp_path / "other"
        other.mkdir()
        KubernetesAPI(other).close()
        (tmp_path / "ca.crt").write_text((other / "127.0.0.1.crt").read_text())
        untrusted = CliRunner().invoke(relayctl, arguments)
        assert untrusted.exit_code == 3
        assert "CERTIFICATE_VERIFY_FAILED" in untrusted.stderr
    finally:
        api.close()
