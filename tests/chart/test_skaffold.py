"""skaffold.yaml: in every profile what it names is there, and the chart takes what it sets.

Skaffold is no package that tests could install. `applied` does what it does to a profile
(https://skaffold.dev/docs/environment/profiles/): members first, then JSON patches.
"""

import copy
import re

import pytest
import yaml

from tests.support.chart import CHART, faults, one, parse, pod_spec, rendered

ROOT = CHART.parents[1]
WRITTEN = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
PROFILES = {None: {}} | {profile["name"]: profile for profile in WRITTEN["profiles"]}
PIPELINE = {"build", "test", "manifests", "deploy", "portForward"}
VARIABLE = re.compile(r"{{\.(\w+)}}")


def applied(name):
    profile = PROFILES[name]
    config = copy.deepcopy({part: WRITTEN[part] for part in WRITTEN if part != "profiles"})
    merge(config, {part: profile[part] for part in PIPELINE & set(profile)})
    for patch in profile.get("patches", ()):
        *parents, last = patch["path"].strip("/").split("/")
        place = config
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        # `add` makes it, `replace` needs it.
        assert (last in place) == (patch["op"] == "replace"), patch
        place[last] = patch["value"]
    return config


def merge(config, further):
    for part, value in further.items():
        if isinstance(value, dict) and isinstance(config.get(part), dict):
            merge(config[part], value)
        else:
            config[part] = value


@pytest.fixture(params=PROFILES)
def config(request):
    return applied(request.param)


def test_what_is_built_is_there(config):
    [artifact] = config["build"]["artifacts"]
    dockerfile = (ROOT / artifact["context"] / artifact["docker"]["dockerfile"]).read_text()
    assert f" AS {artifact['docker']['target']}\n" in dockerfile
    for rule in artifact["sync"]["manual"]:
        assert list(ROOT.glob(rule["src"])), rule
        # Where pip puts packages below /opt/relay of the image.
        assert rule["dest"] == "/opt/relay/lib/python3.11/site-packages"


def test_every_package_that_runs_in_a_pod_is_synced(config):
    [artifact] = config["build"]["artifacts"]
    dockerfile = (ROOT / artifact["docker"]["dockerfile"]).read_text()
    copied = re.findall(r"^COPY (\w+)/ \1/$", dockerfile, re.MULTILINE)
    synced = {rule["src"].partition("/")[0] for rule in artifact["sync"]["manual"]}
    assert set(copied) - {"echo_provider"} == synced >= {"common", "functions"}


def test_the_chart_renders_with_what_skaffold_sets(config):
    [release] = config["deploy"]["helm"]["releases"]
    [artifact] = config["build"]["artifacts"]
    # Those of the first artifact (skaffold's pkg/skaffold/helm/args.go). Names with the artifact's
    # behind them are left alone: what becomes of a point in it is not documented.
    known = {"IMAGE_REPO": artifact["image"], "IMAGE_TAG": "abc123-dirty"}
    values = {
        path: VARIABLE.sub(lambda found: known[found[1]], template)
        for path, template in release["setValueTemplates"].items()
    } | release.get("setValues", {})
    arguments = [word for file in release["valuesFiles"] for word in ("-f", str(ROOT / file))]
    arguments += [word for item in values.items() for word in ("--set", "=".join(item))]
    text = rendered(*arguments, release=release["name"], chart=ROOT / release["chartPath"])
    objects = parse(text)
    assert [fault for written in objects for fault in faults(written)] == []
    kind = "Deployment" if values.get("runtime") == "kubernetes" else "serving.knative.dev/Service"
    relay = pod_spec(one(objects, kind, "relay-relay"))
    assert relay["containers"][0]["image"] == f"{artifact['image']}:abc123-dirty"
    [forwarded] = config["portForward"]
    service = one(objects, "Service", forwarded["resourceName"])
    assert forwarded["port"] in [port["port"] for port in service["spec"]["ports"]]
