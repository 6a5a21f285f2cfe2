"""The catalogue: names and labels by Prometheus' rules, and docs/metrics.md says the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.telemetry import catalogue
from common.telemetry.metrics import REGISTRY, Histogram

ROOT = Path(__file__).parents[4]
METRICS = [pytest.param(metric, id=metric.name) for metric in REGISTRY]


@pytest.mark.parametrize("metric", METRICS)
def test_names_follow_the_conventions(metric):
    # https://prometheus.io/docs/practices/naming/
    assert re.fullmatch(r"relay(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.kind == "histogram":
        assert metric.name.endswith("_seconds")
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    assert metric.help
    assert "|" not in metric.help
    assert "\n" not in metric.help


# A caller's name, key or prompt as a label would make a series of each; `model` has few values
# and the metric's own bound; `account` is the name that an administrator gave.
@pytest.mark.parametrize("metric", METRICS)
def test_labels_have_few_values(metric):
    assert set(metric.labels) <= {
        *("account", "class", "direction", "endpoint", "function", "model", "provider", "reason"),
        *(
            "action",
            "by",
            "entity",
            "kind",
            "language",
            "outcome",
            "period",
            "phase",
            "result",
            "state",
            "status",
            "store",
            "task",
            "type",
            "verdict",
            "way",
        ),
    }


def test_names_are_unique():
    names = [metric.name for metric in REGISTRY]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "metric", [param for param in METRICS if isinstance(param.values[0], Histogram)]
)
def test_buckets_cover_the_longest_request(metric):
    assert metric.buckets[-1] == 600
    assert len(metric.buckets) == len(set(metric.buckets))


def test_every_metric_is_a_row_of_the_table():
    rows = catalogue.table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [metric.name for metric in REGISTRY]


def test_the_documentation_says_what_the_code_says():
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert catalogue.table() in text, "run: python -m common.telemetry.catalogue"


def test_the_table_is_printed():
    printed = subprocess.run(
        [sys.executable, "-m", "common.telemetry.catalogue"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == catalogue.table() + "\n"


def test_every_metric_is_counted_somewhere():
    sources = "".join(
        path.read_text()
        for package in ("common", "functions")
        for path in (ROOT / package).rglob("*.py")
    )
    names = [name for name, value in vars(catalogue).items() if value in list(REGISTRY)]
    assert len(names) == len(list(REGISTRY))
    assert [name for name in names if f"catalogue.{name}." not in sources] == []
