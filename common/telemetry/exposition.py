"""The metrics port: renders the registry in Prometheus' text format, on a thread of its own.

prometheus-client does the format (https://prometheus.io/docs/instrumenting/exposition_formats/)
and the HTTP server; it is imported here, after the function is ready.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as MetricFamily,
)
from prometheus_client.registry import Collector

from common.telemetry import logs
from common.telemetry.metrics import BEFORE_SCRAPE, REGISTRY, Counter, Gauge, Histogram, Metric


class RegistryCollector(Collector):
    """Gives the plain registry to prometheus-client at each scrape."""

    def collect(self) -> Iterator[MetricFamily]:
        """One family a metric that has values."""
        for refresh in BEFORE_SCRAPE:
            refresh()
        for metric in list(REGISTRY):
            yield _family(metric)


def start_metrics_server(port: int) -> None:
    """Serve `/metrics` on the port; a port in use is logged and costs nothing else."""
    registry = CollectorRegistry()
    registry.register(RegistryCollector())
    try:
        start_http_server(port, registry=registry)
    except OSError as error:
        logs.log("metrics_port_unavailable", level="warning", port=port, error=str(error))


def _family(metric: Metric) -> MetricFamily:
    if isinstance(metric, Histogram):
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, counts in list(metric.counts.items()):
            buckets, total = [], 0
            for bound, count in zip((*metric.buckets, None), list(counts), strict=True):
                total += count
                buckets.append(("+Inf" if bound is None else str(bound), total))
            histogram.add_metric(list(labels), buckets, metric.sums[labels])
        return histogram
    family = CounterMetricFamily if isinstance(metric, Counter) else GaugeMetricFamily
    made = family(metric.name, metric.help, labels=metric.labels)
    if isinstance(metric, Counter | Gauge):
        for labels, value in list(metric.values.items()):
            made.add_metric(list(labels), value)
    return made
