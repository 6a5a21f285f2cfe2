"""Every shape that ci/ names renders under both Helms into what a cluster accepts."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.chart import SETS, Object, faults, parse, pod_spec, rendered, run_helm
from tests.support.chart_settings import check_settings

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def set_name(path: Path) -> str:
    return path.name.removesuffix("-values.yaml")


@pytest.mark.parametrize("values", SETS, ids=set_name)
def test_a_value_set_renders_into_what_is_valid(values):
    text = rendered("-f", str(values))
    objects = parse(text)
    assert [fault for written in objects for fault in faults(written)] == []
    check_references(objects)
    check_security(objects)
    check_secrets(objects)
    check_settings(objects)


# Every fourth one by default: a render is a quarter of a second of a whole core.
OFTEN = [
    pytest.param(path, marks=() if number % 4 == 0 else pytest.mark.soak)
    for number, path in enumerate(SETS)
]


@pytest.mark.parametrize("values", OFTEN, ids=set_name)
def test_a_value_set_renders_alike_under_both_helms(values):
    text, under_3 = (rendered("-f", str(values), helm=helm) for helm in ("helm4", "helm3"))
    assert under_3 == text or by_name(parse(under_3)) == by_name(parse(text))


def by_name(objects: list[Object]) -> dict[tuple[str, ...], Object]:
    named = {
        (written["apiVersion"], written["kind"], written["metadata"]["name"]): written
        for written in objects
    }
    assert len(named) == len(objects)
    return named


def check_references(objects: list[Object]) -> None:
    """Whatever a pod names is rendered, made by the hook Job, or given by the user."""
    made = {(written["kind"], written["metadata"]["name"]) for written in objects}
    for written in objects:
        if "template" not in written.get("spec", {}):
            continue
        spec = pod_spec(written)
        volumes = [volume["name"] for volume in spec.get("volumes", [])]
        claimed = written["spec"].get("volumeClaimTemplates", [])
        volumes += [claim["metadata"]["name"] for claim in claimed]
        assert max(Counter(volumes).values(), default=0) <= 1
        for container in spec["containers"]:
            mounts = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounts} <= set(volumes)
            names = [variable["name"] for variable in container.get("env", [])]
            assert max(Counter(names).values(), default=0) <= 1
        for volume in spec.get("volumes", []):
            if volume["name"] in ("configuration", "fluent-bit"):
                assert ("ConfigMap", volume["configMap"]["name"]) in made


def check_security(objects: list[Object]) -> None:
    for written in objects:
        if written["kind"] not in ("Deployment", "StatefulSet", "Job", "CronJob", "Pod", "Service"):
            continue
        if written["kind"] == "Service" and not written["apiVersion"].startswith("serving"):
            continue
        for container in pod_spec(written)["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["runAsNonRoot"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert container["resources"]["requests"]


def check_secrets(objects: list[Object]) -> None:
    """Secrets that outlive the release are never rendered."""
    names = {written["metadata"]["name"] for written in objects if written["kind"] == "Secret"}
    assert {"relay-given"} <= names <= {"relay-given", "relay-llm-proxy", "relay-external"}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_lint_finds_nothing(helm, chart_copy):
    done = run_helm("lint", "--strict", str(chart_copy), helm=helm)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


def test_there_are_sets_enough_and_each_says_something_else():
    texts = [path.read_text() for path in SETS]
    assert len(texts) >= 40
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("release", ["relay", "claude-relay", "my-claude-relay", "r" * 53])
def test_names_fit_whatever_the_release_is_called(release):
    objects = parse(rendered(release=release))
    assert [fault for written in objects for fault in faults(written)] == []
    by_name(objects)
    for written in objects:
        name = written["metadata"]["name"]
        assert NAME.fullmatch(name)
        assert len(name) <= (40 if written["apiVersion"].startswith("serving") else 63), name
    assert ("v1", "Service", release) in by_name(objects)


def test_two_releases_fit_one_namespace_even_with_long_names():
    long = "a-very-long-release-name-for-the-gateway-of-team-"
    names = [
        {
            (written["kind"], written["metadata"]["name"])
            for written in parse(rendered(release=name))
        }
        for name in (f"{long}one", f"{long}two")
    ]
    assert not names[0] & names[1]
