"""What the chart asks of a cluster that answers, and the registries that charts come from."""

import http.server
import json
import threading

import pytest

from tests.support.chart import CHART, parse, render, run_helm
from tests.support.oci_registry import Registry

GROUPS = ("serving.knative.dev", "eventing.knative.dev", "sources.knative.dev")


def discovery(path, groups):
    """What an API server says it has."""
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/api/v1":
        namespaces = {"name": "namespaces", "namespaced": False, "kind": "Namespace"}
        return {
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [namespaces | {"verbs": ["get"], "singularName": "namespace"}],
        }
    if path == "/apis":
        written = []
        for group in groups:
            version = {"groupVersion": f"{group}/v1", "version": "v1"}
            written.append({"name": group, "versions": [version], "preferredVersion": version})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": written}
    if path == "/api/v1/namespaces/kube-system":
        return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system"}}
    name = path.removeprefix("/apis/").removesuffix("/v1")
    if name in groups:
        return {"kind": "APIResourceList", "groupVersion": f"{name}/v1", "resources": []}
    return None


@pytest.fixture
def cluster(tmp_path):
    """A kubeconfig of an API server with the given groups."""
    servers = []

    def start(*groups):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                found = discovery(self.path.partition("?")[0], groups)
                missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
                body = json.dumps(missing if found is None else found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [
                {"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
            ],
            "users": [{"name": "it", "user": {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(configuration))
        return path

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_cluster_without_knative_is_told_the_switch(cluster, helm):
    arguments = ("install", "relay", str(CHART), "--dry-run=server")
    done = run_helm(*arguments, "--kubeconfig", str(cluster()), helm=helm)
    assert "this cluster has no Knative" in done.stderr
    assert "set runtime=kubernetes" in done.stderr
    without = ("--set", "runtime=kubernetes", "--kubeconfig", str(cluster()))
    assert "Knative" not in run_helm(*arguments, *without, helm=helm).stderr


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_cluster_with_serving_alone_is_told_what_is_missing(cluster, helm):
    arguments = ("install", "relay", str(CHART), "--dry-run=server", "--kubeconfig")
    done = run_helm(*arguments, str(cluster("serving.knative.dev")), helm=helm)
    assert "no Knative Eventing (eventing.knative.dev/v1)" in done.stderr
    done = run_helm(*arguments, str(cluster(*GROUPS)), helm=helm)
    assert "has no Knative" not in done.stderr


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_package_is_pushed_to_and_installed_from_an_oci_registry(tmp_path, chart_copy, helm):
    run_helm("package", str(chart_copy), "-d", str(tmp_path), helm=helm)
    [package] = tmp_path.glob("relay-*.tgz")
    with Registry() as registry:
        repository = f"oci://{registry.address}/charts"
        pushed = run_helm("push", str(package), repository, "--plain-http", helm=helm)
        assert pushed.returncode == 0, pushed.stderr
        pulled = run_helm(
            *("template", "relay", f"{repository}/relay", "--version", "0.1.0"),
            *("--namespace", "default", "--plain-http"),
            helm=helm,
        )
    assert pulled.returncode == 0, pulled.stderr
    assert parse(pulled.stdout) == render()
