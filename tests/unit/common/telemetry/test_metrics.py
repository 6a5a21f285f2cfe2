"""Metrics: exact counts, and a bound on how many series a metric may have."""

import pytest

from common.telemetry import metrics
from common.telemetry.metrics import OTHER, SERIES_MAX, Counter, Gauge, Histogram


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    """Metrics that a test makes stay out of the process's registry."""
    monkeypatch.setattr(metrics, "REGISTRY", [])


def test_a_metric_registers_itself_in_order():
    counter, gauge = Counter("a_total", "A"), Gauge("b", "B")
    assert [counter, gauge] == metrics.REGISTRY
    assert (counter.kind, gauge.kind) == ("counter", "gauge")


def test_a_counter_adds_by_labels():
    counter = Counter("requests_total", "Requests", ("status", "endpoint"))
    counter.increment(status="200", endpoint="messages")
    counter.increment(2.5, endpoint="messages", status="200")
    counter.increment(status="429", endpoint="messages")
    assert counter.values == {("200", "messages"): 3.5, ("429", "messages"): 1}


def test_a_gauge_keeps_the_last_value():
    gauge = Gauge("depth", "Depth")
    gauge.set(5)
    gauge.set(2)
    assert gauge.values == {(): 2}


def test_a_label_that_is_missing_is_an_error_of_the_caller():
    counter = Counter("requests_total", "Requests", ("status",))
    with pytest.raises(KeyError):
        counter.increment()
    assert counter.values == {}


@pytest.mark.parametrize(
    ("value", "bucket"), [(-1, 0), (0, 0), (1, 0), (1.0001, 1), (5, 1), (5.1, 2), (1e9, 2)]
)
def test_a_bound_belongs_to_its_bucket(value, bucket):
    histogram = Histogram("seconds", "Seconds", buckets=(5, 1))
    histogram.observe(value)
    assert histogram.buckets == (1, 5)
    assert histogram.counts[()] == [int(place == bucket) for place in range(3)]
    assert histogram.sums[()] == value


def test_what_exceeds_the_bound_is_counted_as_other():
    counter = Counter("tokens_total", "Tokens", ("class", "model"))
    for number in range(SERIES_MAX + 50):
        counter.increment(**{"class": "input", "model": f"model-{number}"})
    assert len(counter.values) == SERIES_MAX + 1
    assert counter.values[OTHER, OTHER] == 50
    assert sum(counter.values.values()) == SERIES_MAX + 50


def test_known_series_go_on_beyond_the_bound():
    gauge = Gauge("open", "Open", ("model",))
    for number in range(SERIES_MAX + 1):
        gauge.set(number, model=f"model-{number}")
    gauge.set(-1, model="model-0")
    assert gauge.values["model-0",] == -1
    assert len(gauge.values) == SERIES_MAX + 1


def test_histograms_are_bounded_too():
    histogram = Histogram("seconds", "Seconds", ("endpoint",), buckets=(1,))
    for number in range(SERIES_MAX * 2):
        histogram.observe(2, endpoint=str(number))
    assert len(histogram.counts) == len(histogram.sums) == SERIES_MAX + 1
    assert histogram.counts[OTHER,] == [0, SERIES_MAX]
    assert histogram.sums[OTHER,] == 2 * SERIES_MAX
