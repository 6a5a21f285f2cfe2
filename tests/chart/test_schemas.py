"""The schemas that the renders are held against refuse what a cluster refuses."""

import copy

import pytest

from tests.support.chart import faults, knative_service, one, render


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "said"),
    [
        ("serving", "relay-relay", "spec.template.spec.containers.0.imagePul", "x", "imagePul"),
        ("serving", "relay-relay", "spec.template.spec.timeoutSeconds", "600", "integer"),
        ("serving", "relay-relay", "spec.templat", {}, "templat"),
        ("Trigger", "relay-cron", "spec.delivery.retries", 3, "retries"),
        ("Trigger", "relay-cron", "spec.broker", 3, "string"),
        ("PingSource", "relay-outbox", "spec.cron", "* * * * *", "cron"),
        ("Deployment", "relay-edge", "spec.replica", 3, "replica"),
        ("Service", "relay", "spec.ports.0.port", "http", "integer"),
        ("StatefulSet", "relay-redis", "spec.template.spec.volume", [], "volume"),
    ],
)
def test_what_is_wrong_is_found(kind, name, path, value, said):
    objects = render()
    found = knative_service(objects, name) if kind == "serving" else one(objects, kind, name)
    assert faults(found) == []
    wrong = copy.deepcopy(found)
    *parents, last = path.split(".")
    place = wrong
    for parent in parents:
        place = place[int(parent)] if parent.isdigit() else place[parent]
    place[last] = value
    assert said in " ".join(faults(wrong))


def test_an_unknown_kind_is_found():
    assert faults({"apiVersion": "v2", "kind": "Service", "metadata": {"name": "x"}}) == [
        "no schema for v2/Service"
    ]
