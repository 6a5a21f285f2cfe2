"""A real kube-apiserver with etcd behind it, and somebody who does what the hook Job would do."""

import base64
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from cli.dev.ports import free_port
from tests.support.chart import ROOT, SCHEMAS, helm_path

TOKEN = "the-administrator"
START_S_MAX = 120.0


def why_skipped() -> str | None:
    """What is missing for a server."""
    if not os.environ.get("E2E_KUBE_APISERVER"):
        return "E2E_KUBE_APISERVER names no kube-apiserver (tests/e2e/README.md)"
    return None if shutil.which("etcd") else "etcd is not there: apt-get install etcd-server"


class ApiServer:
    """Runs while it is entered. No controllers and no kubelet: objects are kept, nothing starts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca_file = directory / "certificates" / "apiserver.crt"
        self.kubeconfig = directory / "kubeconfig"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stop = threading.Event()

    def __enter__(self) -> "ApiServer":
        etcd, peer = free_port(), free_port()
        self._start(
            *("etcd", "--data-dir", str(self._directory / "etcd")),
            *("--listen-client-urls", f"http://127.0.0.1:{etcd}"),
            *("--advertise-client-urls", f"http://127.0.0.1:{etcd}"),
            *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
        )
        (self._directory / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
        key = self._directory / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, stderr=-3)
        self._start(
            *(os.environ["E2E_KUBE_APISERVER"], f"--secure-port={self.port}"),
            *(f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1"),
            *(f"--cert-dir={self.ca_file.parent}", "--authorization-mode=RBAC"),
            *(f"--token-auth-file={self._directory / 'tokens.csv'}",),
            *("--service-account-issuer=https://kubernetes.default.svc",),
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            *(
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
            ),
        )
        self._write_kubeconfig()
        self._wait()
        self._define_custom_resources()
        threading.Thread(target=self._run_jobs, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)

    def helm(self, *arguments: str, helm: str = "helm4") -> subprocess.CompletedProcess[str]:
        """Helm as the administrator."""
        return subprocess.run(
            [helm_path(helm), *arguments, "--kubeconfig", str(self.kubeconfig)],
            env={"PATH": os.environ["PATH"], "HOME": str(self._directory)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def call(self, method: str, path: str, body: Any = None, kind: str = "json") -> httpx.Response:
        """One call of the API as the administrator."""
        with httpx.Client(verify=False, trust_env=False, timeout=30) as client:
            return client.request(
                method,
                f"{self.url}{path}",
                content=None if body is None else json.dumps(body),
                headers={
                    "authorization": f"Bearer {TOKEN}",
                    "content-type": f"application/{kind}",
                },
            )

    def names(self, path: str) -> set[str]:
        """Names of all objects of a list."""
        items = self.call("GET", path).raise_for_status().json()["items"]
        return {item["metadata"]["name"] for item in items}

    def secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        answer = self.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if answer.status_code == 404:
            return None
        return {key: base64.b64decode(value) for key, value in answer.json()["data"].items()}

    def _start(self, *command: str) -> None:
        with (self._directory / f"{Path(command[0]).name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _write_kubeconfig(self) -> None:
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        written = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": TOKEN}}],
        }
        self.kubeconfig.write_text(json.dumps(written))

    def _wait(self) -> None:
        end = time.monotonic() + START_S_MAX
        while time.monotonic() < end:
            try:
                if self.call("GET", "/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        raise RuntimeError((self._directory / "kube-apiserver.log").read_text()[-2000:])

    def _define_custom_resources(self) -> None:
        known = json.loads((SCHEMAS / "custom.json").read_text())["kinds"]
        for kind in known:
            group, version, name = kind.split("/")
            plural = f"{name.lower()}s"
            schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            definition = {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{group}"},
                "spec": {
                    "group": group,
                    "scope": "Namespaced",
                    "names": {"kind": name, "plural": plural, "singular": name.lower()},
                    "versions": [
                        {
                            "name": version,
                            "served": True,
                            "storage": True,
                            "schema": {"openAPIV3Schema": schema},
                        }
                    ],
                },
            }
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            self.call("POST", path, definition).raise_for_status()

    def _run_jobs(self) -> None:
        while not self._stop.wait(0.5):
            try:
                jobs = self.call("GET", "/apis/batch/v1/jobs").json().get("items", [])
            except httpx.HTTPError:
                continue
            for job in jobs:
                spec = job["spec"]["template"]["spec"]
                hook = "helm.sh/hook" in job["metadata"].get("annotations", {})
                if hook and not job["status"].get("conditions"):
                    self._finish(job, self._ensure_secrets(job["metadata"]["namespace"], spec))

    def _ensure_secrets(self, namespace: str, spec: dict[str, Any]) -> int:
        """The command of the hook Job, with what its ServiceAccount may do."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.call("POST", f"{accounts}/{spec['serviceAccountName']}/token", asked).json()
        arguments = list(spec["containers"][0]["args"])
        with tempfile.TemporaryDirectory() as directory:
            given = self.secret(namespace, spec["volumes"][0]["secret"]["secretName"]) or {}
            for name, value in given.items():
                Path(directory, name).write_bytes(value)
            Path(directory, "token").write_text(token["status"]["token"])
            arguments[arguments.index("--given") + 1] = directory
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "cli.main", "ensure-secrets", *arguments),
                    *("--kube-server", self.url, "--kube-ca-file", str(self.ca_file)),
                    *("--kube-token-file", str(Path(directory, "token"))),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        with (self._directory / "jobs.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def _finish(self, job: dict[str, Any], code: int) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kinds = ("FailureTarget", "Failed") if code else ("SuccessCriteriaMet", "Complete")
        conditions = [
            {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
            for kind in kinds
        ]
        status: dict[str, Any] = {"startTime": now, "conditions": conditions}
        status |= {"failed": 1} if code else {"succeeded": 1, "completionTime": now}
        metadata = job["metadata"]
        path = f"/apis/batch/v1/namespaces/{metadata['namespace']}/jobs/{metadata['name']}/status"
        self.call("PATCH", path, {"status": status}, "merge-patch+json")
