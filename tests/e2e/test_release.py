"""The story of a release on a real cluster, in the order of this file."""

import os
import time

import pytest

from tests.e2e.cluster import RELEASE, Cluster, eventually, why_skipped

pytestmark = [
    pytest.mark.skipif(why_skipped() is not None, reason=why_skipped() or ""),
    pytest.mark.timeout(1800),
]
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def cluster():
    namespace = f"relay-e2e-{int(time.time())}"
    runtime = os.environ.get("E2E_RUNTIME", "knative")
    cluster = Cluster(namespace, os.environ["E2E_IMAGE"], runtime)
    cluster.kubectl("create", "namespace", namespace)
    cluster.start_echo()
    yield cluster
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def kept():
    """What one chapter tells the next."""
    return {}


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def test_it_installs_and_the_printed_command_gives_the_master_key(cluster, kept):
    said = cluster.install("--wait", "--wait-for-jobs", "--timeout", "15m")
    assert f"get secret {RELEASE}-master-key -o jsonpath=" in said
    printed = cluster.kubectl(
        "get", "secret", "llm-proxy-master-key", "-o", "jsonpath={.data.PROXY_MASTER_KEY}"
    )
    kept["master"] = cluster.secret(f"{RELEASE}-master-key")["PROXY_MASTER_KEY"]
    kept["internal"] = cluster.secret(f"{RELEASE}-internal")
    assert cluster.secret("llm-proxy-master-key")["PROXY_MASTER_KEY"] == kept["master"]
    assert printed


def test_a_key_is_made_and_chats_and_streams(cluster, kept):
    with cluster.edge() as edge:
        made = edge.post(
            "/internal/api-keys",
            headers=bearer(kept["master"]),
            json={"name": "e2e", "user_id": "alice"},
        )
        assert made.status_code == 201, made.text
        kept["key"] = made.json()["key"]
        chat = edge.post("/v1/chat/completions", headers=bearer(kept["key"]), json=CHAT)
        assert chat.status_code == 200, chat.text
        body = CHAT | {"stream": True}
        with edge.stream(
            "POST", "/v1/chat/completions", headers=bearer(kept["key"]), json=body
        ) as streamed:
            assert streamed.status_code == 200
            assert "data: [DONE]" in list(streamed.iter_lines())
        assert edge.get("/metrics").status_code == 404


def test_each_request_is_in_the_ledger_once(cluster, kept):
    with cluster.edge() as edge:

        def requests():
            sums = edge.get("/internal/usage", headers=bearer(kept["master"]))
            return sums.json()["total"]["requests"]

        eventually(lambda: requests() == 2, "both requests are in the ledger")


def test_helm_test_passes(cluster):
    cluster.helm("test", RELEASE, "--timeout", "5m")


def test_relay_scales_to_zero_and_back(cluster, kept):
    if cluster.runtime != "knative":
        pytest.skip("only Knative scales to zero")
    eventually(lambda: not cluster.pods("relay"), "relay has no pod")
    with cluster.edge() as edge:
        began = time.monotonic()
        chat = edge.post("/v1/chat/completions", headers=bearer(kept["key"]), json=CHAT)
        print(f"\nfrom zero to a whole chat: {time.monotonic() - began:.2f} s")  # noqa: T201 - what is asked for
        assert chat.status_code == 200


def test_a_tick_reaches_cleanup(cluster):
    if cluster.runtime == "kubernetes":
        cluster.kubectl("create", "job", "tick", f"--from=cronjob/{RELEASE}-partitions")
        cluster.kubectl("wait", "--for=condition=complete", "job/tick", "--timeout=300s")
        return
    # Every ten minutes one is due.
    eventually(lambda: cluster.pods("cleanup"), "a tick wakes cleanup", wait_s=720)


def test_an_upgrade_keeps_the_secrets(cluster, kept):
    cluster.install(
        "--reuse-values", "--set", "config.logLevel=debug", "--wait", "--timeout", "10m"
    )
    cluster.install("--reset-values", "--wait", "--timeout", "10m")
    assert cluster.secret(f"{RELEASE}-internal") == kept["internal"]
    assert cluster.secret(f"{RELEASE}-master-key")["PROXY_MASTER_KEY"] == kept["master"]


def test_uninstalled_and_installed_again_it_has_the_same_keys(cluster, kept):
    cluster.helm("uninstall", RELEASE, "--wait")
    eventually(lambda: not cluster.pods("edge"), "the edge is gone")
    cluster.install("--wait", "--wait-for-jobs", "--timeout", "15m")
    assert cluster.secret(f"{RELEASE}-internal") == kept["internal"]
    with cluster.edge() as edge:
        chat = edge.post("/v1/chat/completions", headers=bearer(kept["key"]), json=CHAT)
        assert chat.status_code == 200, chat.text
