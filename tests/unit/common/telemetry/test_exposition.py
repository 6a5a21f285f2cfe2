"""The metrics port: what is scraped parses, and says what was counted."""

import socket
import threading
import urllib.request
from contextlib import contextmanager
from math import inf

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from common.telemetry import exposition, metrics
from common.telemetry.metrics import SERIES_MAX, Counter, Gauge, Histogram


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """A registry of the test's own, for what it makes and for what is scraped."""
    own = []
    monkeypatch.setattr(metrics, "REGISTRY", own)
    monkeypatch.setattr(exposition, "REGISTRY", own)
    return own


def _scrape():
    registry = CollectorRegistry()
    registry.register(exposition.RegistryCollector())
    text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _samples(family):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for sample in family.samples
    }


def test_a_counter_and_a_gauge():
    Counter("relay_requests_total", "Requests answered", ("status",)).increment(3, status="200")
    Gauge("relay_depth", "Depth").set(-2.5)
    families = _scrape()
    requests = families["relay_requests"]
    assert (requests.type, requests.documentation) == ("counter", "Requests answered")
    assert _samples(requests) == {("relay_requests_total", ("status", "200")): 3}
    assert families["relay_depth"].type == "gauge"
    assert _samples(families["relay_depth"]) == {("relay_depth",): -2.5}


def test_a_histogram_is_cumulative_and_ends_with_all():
    histogram = Histogram("relay_seconds", "Seconds", ("endpoint",), buckets=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 9):
        histogram.observe(value, endpoint="chat")
    family = _scrape()["relay_seconds"]
    assert family.type == "histogram"
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in family.samples
        if sample.name == "relay_seconds_bucket"
    }
    assert buckets == {0.1: 2, 1: 3, inf: 4}
    samples = _samples(family)
    assert samples["relay_seconds_count", ("endpoint", "chat")] == 4
    assert samples["relay_seconds_sum", ("endpoint", "chat")] == pytest.approx(9.65)


def test_a_metric_without_values_is_announced():
    Counter("relay_denials_total", "Denials", ("reason",))
    family = _scrape()["relay_denials"]
    assert (family.type, family.samples) == ("counter", [])


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "ü€", "", "x" * 500, "}{,="])
def test_odd_label_values_survive(value):
    Counter("relay_tokens_total", "Tokens", ("model",)).increment(model=value)
    assert _samples(_scrape()["relay_tokens"]) == {("relay_tokens_total", ("model", value)): 1}


def test_a_hostile_caller_cannot_make_the_answer_large():
    counter = Counter("relay_tokens_total", "Tokens", ("model",))
    for number in range(5000):
        counter.increment(model=f"guess-{number}")
    samples = _samples(_scrape()["relay_tokens"])
    assert len(samples) == SERIES_MAX + 1
    assert sum(samples.values()) == 5000


def test_it_may_be_scraped_while_series_are_added():
    counter = Counter("relay_tokens_total", "Tokens", ("model",))
    histogram = Histogram("relay_seconds", "Seconds", ("endpoint",), buckets=(1,))
    stop, failures = threading.Event(), []

    def scrape():
        while not stop.is_set():
            try:
                _scrape()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test reports it
                failures.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        for number in range(20_000):
            counter.increment(model=str(number))
            histogram.observe(0.5, endpoint=str(number % SERIES_MAX))
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert sum(_samples(_scrape()["relay_tokens"]).values()) == 20_000


@contextmanager
def _taken_port():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_the_port_serves_the_format(monkeypatch):
    started = []
    serve = exposition.start_http_server

    def remember(port, registry):
        started.append(serve(port, addr="127.0.0.1", registry=registry))

    monkeypatch.setattr(exposition, "start_http_server", remember)
    Gauge("relay_open_leases", "Open").set(7)
    exposition.start_metrics_server(0)
    ((server, thread),) = started
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert "relay_open_leases 7.0" in answer.read().decode().splitlines()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_port_in_use_is_logged_and_nothing_else(monkeypatch):
    logged = []
    monkeypatch.setattr(exposition.logs, "log", lambda event, **fields: logged.append(event))
    with _taken_port() as port:
        exposition.start_metrics_server(port)
    assert logged == ["metrics_port_unavailable"]
