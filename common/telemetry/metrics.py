"""Metrics as plain Python: an increment is one dict operation.

prometheus-client is imported only to render them (`exposition.py`), after the function is ready:
its import costs 65 ms. Labels are declared up front and every metric has a bound on its
series; what exceeds the bound is counted under `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

SERIES_MAX = 200
OTHER = "other"

Labels = tuple[str, ...]


class Metric:
    """A name, a help text, label names, and values by label values."""

    kind = ""

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.help = help_text
        self.labels: Labels = tuple(labels)
        REGISTRY.append(self)

    def _series(self, known: dict[Labels, object], given: dict[str, str]) -> Labels:
        """The label values of a call. Raises `KeyError` when a label is missing."""
        names = self.labels
        # Nearly always they are given in the order of their declaration.
        in_order = tuple(given) == names
        key = tuple(given.values()) if in_order else tuple([given[name] for name in names])
        if key not in known and len(known) >= SERIES_MAX:
            return (OTHER,) * len(self.labels)
        return key


REGISTRY: list[Metric] = []
# Called by the metrics port before it renders, on its thread; none of them raises.
BEFORE_SCRAPE: list[Callable[[], None]] = []


class Counter(Metric):
    """Only goes up."""

    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, help_text, labels)
        self.values: dict[Labels, float] = {}

    def increment(self, amount: float = 1, **labels: str) -> None:
        """Add to one series."""
        key = self._series(self.values, labels)  # type: ignore[arg-type] # values are not read
        self.values[key] = self.values.get(key, 0) + amount


class Gauge(Metric):
    """Goes up and down."""

    kind = "gauge"

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, help_text, labels)
        self.values: dict[Labels, float] = {}

    def set(self, value: float, **labels: str) -> None:
        """Set one series."""
        key = self._series(self.values, labels)  # type: ignore[arg-type] # values are not read
        self.values[key] = value

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Set all series at once, by label values; those that are not given are gone.

        Whoever calls bounds their number.
        """
        self.values = dict(values)


class Histogram(Metric):
    """Observations in buckets; seconds unless the name says otherwise."""

    kind = "histogram"

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str] = (), *, buckets: Sequence[float]
    ) -> None:
        super().__init__(name, help_text, labels)
        self.buckets = tuple(sorted(buckets))
        self.counts: dict[Labels, list[int]] = {}
        self.sums: dict[Labels, float] = {}

    def observe(self, value: float, **labels: str) -> None:
        """Count one observation."""
        key = self._series(self.counts, labels)  # type: ignore[arg-type] # values are not read
        counts = self.counts.get(key)
        if counts is None:
            self.sums[key] = 0.0  # first: the metrics port reads both from a thread of its own
            counts = self.counts[key] = [0] * (len(self.buckets) + 1)
        counts[bisect_left(self.buckets, value)] += 1
        self.sums[key] += value
