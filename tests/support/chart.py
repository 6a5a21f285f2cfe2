"""The Helm chart, rendered by Helm itself and parsed; each render is made once a process."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "relay"
SETS = sorted((CHART / "ci").glob("*-values.yaml"))
SCHEMAS = ROOT / "tests" / "chart" / "schemas"
Object = dict[str, Any]


def helm_path(helm: str) -> str:
    """The program `helm4` or `helm3` (scripts/install); without it the test is skipped."""
    own = ROOT / ".venv" / "bin" / helm
    found = str(own) if own.exists() else shutil.which(helm)
    if found is None:
        pytest.skip(f"{helm} is not there: `make test` installs it on Linux x86-64")
    return found


def run_helm(*arguments: str, helm: str = "helm4") -> subprocess.CompletedProcess[str]:
    """Helm without a cluster, without a configuration."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/dev/null"}
    # A render lives for a quarter of a second: collecting its garbage is a third of its work.
    environment |= {"GOGC": "off", "GOMAXPROCS": "1"}
    return subprocess.run(
        [helm_path(helm), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )


@functools.cache
def rendered(
    *arguments: str,
    release: str = "relay",
    helm: str = "helm4",
    namespace: str = "default",
    chart: Path = CHART,
) -> str:
    """`helm template` as text. The arguments are Helm's own."""
    command = ("template", release, str(chart), "--namespace", namespace)
    done = run_helm(*command, *arguments, helm=helm)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(*arguments: str, **options: Any) -> list[Object]:
    """`helm template`, parsed."""
    return parse(rendered(*arguments, **options))


@functools.cache
def parse(text: str) -> list[Object]:
    """All objects of a stream of documents. Not to be changed: it is shared."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, loader) if document]


def settings(**values: Any) -> tuple[str, ...]:
    """Values by path as arguments; `config__port=3001` is `config.port`."""
    return tuple(
        word
        for path, value in values.items()
        for word in ("--set-json", f"{path.replace('__', '.')}={json.dumps(value)}")
    )


def refusal(*arguments: str, helm: str = "helm4", release: str = "relay") -> str:
    """What Helm says when it must refuse."""
    done = run_helm("template", release, str(CHART), *arguments, helm=helm)
    assert done.returncode != 0, "it was rendered"
    return done.stderr


def notes(*arguments: str) -> str:
    """What is printed after an install."""
    done = run_helm("install", "relay", str(CHART), "--dry-run=client", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:\n")[2]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of that kind and name; of two kinds `Service` the API's group tells."""
    group, _, kind = kind.rpartition("/")
    found = [
        written
        for written in objects
        if written["kind"] == kind
        and written["metadata"]["name"] == name
        and written["apiVersion"].startswith(group or "")
        and (group or not written["apiVersion"].startswith("serving"))
    ]
    assert len(found) == 1, f"{len(found)} {kind} {name}"
    return found[0]


def knative_service(objects: list[Object], name: str) -> Object:
    """A Knative Service."""
    return one(objects, "serving.knative.dev/Service", name)


def pod_spec(written: Object) -> Object:
    """The pod's spec of whatever makes pods."""
    if written["kind"] == "Pod":
        return written["spec"]
    if written["kind"] == "CronJob":
        return written["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return written["spec"]["template"]["spec"]


def environment(written: Object) -> dict[str, Any]:
    """Variable → its value, or where it comes from, of the first container."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in pod_spec(written)["containers"][0]["env"]
    }


@functools.cache
def _validators() -> dict[str, jsonschema_rs.Draft202012Validator]:
    made = {}
    for file in ("kubernetes.json", "custom.json"):
        known = json.loads((SCHEMAS / file).read_text())
        for kind, name in known["kinds"].items():
            schema = {"$ref": f"#/$defs/{name}", "$defs": known["$defs"]}
            made[kind] = jsonschema_rs.Draft202012Validator(schema)
    return made


def faults(written: Object) -> list[str]:
    """What the API server would refuse or drop."""
    kind = f"{written['apiVersion']}/{written['kind']}"
    validator = _validators().get(kind)
    if validator is None:
        return [f"no schema for {kind}"]
    return [
        f"{kind} {written['metadata']['name']}: {error.instance_path}: {error.message[:300]}"
        for error in validator.iter_errors(written)
    ]
