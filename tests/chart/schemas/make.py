"""Makes the schemas beside it from their sources, without descriptions, and closed.

pip download --no-deps kubernetes-validate==1.37.0, unpacked → KUBERNETES_VALIDATE
go mod download knative.dev/serving@v0.51.0 knative.dev/eventing@v0.50.0
                github.com/prometheus-operator/prometheus-operator@v0.85.0 → GO_MODULES
python tests/chart/schemas/make.py KUBERNETES_VALIDATE GO_MODULES
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
KUBERNETES_VERSION = "v1.34.0"
KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}
DEFINITIONS = {
    "v1": "core.v1",
    "apps/v1": "apps.v1",
    "autoscaling/v2": "autoscaling.v2",
    "batch/v1": "batch.v1",
    "networking.k8s.io/v1": "networking.v1",
    "policy/v1": "policy.v1",
    "rbac.authorization.k8s.io/v1": "rbac.v1",
}
RESOURCES = {
    "knative.dev/serving@v0.51.0/config/core/300-resources": ("service",),
    "knative.dev/eventing@v0.50.0/config/core/resources": (
        *("broker", "trigger", "pingsource", "sinkbindings"),
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd": (
        "monitoring.coreos.com_servicemonitors",
    ),
}
REFERENCE = "/api/_definitions.json#/$defs/"


def bare(schema: Any) -> Any:
    """The same without what validates nothing."""
    if isinstance(schema, list):
        return [bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for name, value in schema.items():
        # A property may be named `description`: then its value is a schema.
        if name in ("description", "format", "title", "example") and isinstance(value, str):
            continue
        if name.startswith("x-kubernetes") and name != "x-kubernetes-int-or-string":
            # Where fields are named too, others are a mistake even if the API server keeps them.
            if name == "x-kubernetes-preserve-unknown-fields" and "properties" not in schema:
                kept["additionalProperties"] = True
            continue
        kept[name] = bare(value)
    if isinstance(kept.get("$ref"), str):
        kept["$ref"] = kept["$ref"].replace(REFERENCE, "#/$defs/")
    return kept


def closed(schema: Any) -> Any:
    """A CRD's schema that refuses what the API server would drop (`pruning`)."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if made.pop("x-kubernetes-int-or-string", False):
        made.pop("type", None)
    if isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    return made


def references(schema: Any) -> set[str]:
    """Names that a schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(references, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    found = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return found.union(*map(references, schema.values()))


def kubernetes(package: Path) -> dict[str, Any]:
    """All kinds in use, and what they are made of."""
    folder = (
        package / f"kubernetes_validate/kubernetes-json-schema/{KUBERNETES_VERSION}-local-strict"
    )
    all_ = json.loads((folder / "_definitions.json").read_text())
    definitions = all_.get("$defs") or all_["definitions"]
    kinds, needed = {}, []
    for version, names in KINDS.items():
        for name in names:
            definition = f"io.k8s.api.{DEFINITIONS[version]}.{name}"
            kinds[f"{version}/{name}"] = definition
            needed.append(definition)
    kept: dict[str, Any] = {}
    while needed:
        name = needed.pop()
        if name not in kept:
            kept[name] = bare(definitions[name])
            needed += references(kept[name])
    return {
        "source": f"kubernetes-validate 1.37.0, {KUBERNETES_VERSION}",
        "kinds": kinds,
        "$defs": kept,
    }


def custom(modules: Path) -> dict[str, Any]:
    """The custom resources in use."""
    kinds, kept = {}, {}
    for folder, files in RESOURCES.items():
        for file in files:
            written = yaml.safe_load((modules / folder / f"{file}.yaml").read_text())
            spec = written["spec"]
            stored = next(one for one in spec["versions"] if one["storage"])
            name = f"{spec['group']}.{spec['names']['kind']}"
            kinds[f"{spec['group']}/{stored['name']}/{spec['names']['kind']}"] = name
            kept[name] = closed(bare(stored["schema"]["openAPIV3Schema"]))
            own = kept[name]["properties"]
            # Behind Knative's features delivery-timeout and delivery-retryafter (both beta), which
            # the CRD admits by keeping unknown fields.
            delivery = own["spec"]["properties"].get("delivery", {}).get("properties", {})
            if delivery:
                delivery |= {"timeout": {"type": "string"}, "retryAfterMax": {"type": "string"}}
            own.update({"apiVersion": {"type": "string"}, "kind": {"type": "string"}})
            own["metadata"] = {"type": "object"}
    return {"source": ", ".join(RESOURCES), "kinds": kinds, "$defs": kept}


def main() -> None:
    package, modules = map(Path, sys.argv[1:3])
    for name, made in (("kubernetes", kubernetes(package)), ("custom", custom(modules))):
        text = json.dumps(made, separators=(",", ":"), sort_keys=True)
        (HERE / f"{name}.json").write_text(text.replace('"io.k8s', '\n"io.k8s') + "\n")


if __name__ == "__main__":
    main()
