"""kubectl and Helm against one namespace of a real cluster."""

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.chart import CHART, helm_path

RELEASE = "relay"
WAIT_S_MAX = 600.0
ECHO = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
        - name: echo
          image: IMAGE
          command: [python, -m, echo_provider, --host, 0.0.0.0, --port, "8080"]
          ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{port: 80, targetPort: 8080}]}
"""


class Cluster:
    """One release in a namespace of its own."""

    def __init__(self, namespace: str, image: str, runtime: str) -> None:
        self.namespace, self.image, self.runtime = namespace, image, runtime

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """What kubectl prints. Raises `CalledProcessError`."""
        command = ["kubectl", "-n", self.namespace, *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def helm(self, *arguments: str) -> str:
        command = [helm_path("helm4"), *arguments, "-n", self.namespace]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def install(self, *arguments: str) -> str:
        """Install or upgrade, with the echo provider as OpenAI."""
        repository, _, tag = self.image.rpartition(":")
        more = os.environ.get("E2E_VALUES")
        return self.helm(
            *("upgrade", "--install", RELEASE, str(CHART)),
            *("--set", f"image.repository={repository},image.tag={tag},runtime={self.runtime}"),
            *("--set", "secrets.openaiApiKey=sk-echo,secrets.openaiBaseUrl=http://echo/v1"),
            *(("-f", more) if more else ()),
            *arguments,
        )

    def start_echo(self) -> None:
        self.kubectl("apply", "-f", "-", text=ECHO.replace("IMAGE", self.image))
        self.kubectl("rollout", "status", "deployment/echo", "--timeout=300s")

    def secret(self, name: str) -> dict[str, str]:
        written = json.loads(self.kubectl("get", "secret", name, "-o", "json"))
        return {key: base64.b64decode(value).decode() for key, value in written["data"].items()}

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Pods of a component that are not on their way out."""
        selector = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}"
        written = json.loads(self.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        return [pod for pod in written if "deletionTimestamp" not in pod["metadata"]]

    @contextmanager
    def edge(self) -> Iterator[httpx.Client]:
        """A client of the edge, through a port-forward."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = ["kubectl", "-n", self.namespace, "port-forward", f"service/{RELEASE}"]
        forward = subprocess.Popen([*command, f"{port}:8000"], stdout=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                eventually(lambda: answers(client), "the edge answers")
                yield client
        finally:
            forward.terminate()
            forward.wait(10)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


def eventually(holds: Callable[[], Any], what: str, wait_s: float = WAIT_S_MAX) -> Any:
    """The first true value; fails by name when there is none in time."""
    end = time.monotonic() + wait_s
    while not (value := holds()):
        assert time.monotonic() < end, f"after {wait_s:.0f} s not yet: {what}"
        time.sleep(1)
    return value


def why_skipped() -> str | None:
    """What is missing for these tests."""
    configuration = os.environ.get("KUBECONFIG", "")
    if not configuration or not Path(configuration).exists():
        return "KUBECONFIG names no file: these tests need a real cluster (tests/e2e/README.md)"
    if not os.environ.get("E2E_IMAGE"):
        return "E2E_IMAGE is not set: the image as the cluster pulls it"
    return None
