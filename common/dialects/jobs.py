"""What every kind of job's reader offers: how its provider is asked, and what the answers mean."""

from typing import Protocol

import msgspec

from common.domain.jobs import JobKind, JobResult
from common.domain.model_prices import ModelPrice


class JobState(msgspec.Struct, frozen=True):
    """A job as its provider shows it. `result` is there when it has ended and says all itself.

    An ended job without one has a file of results, at `results_path` or where all of its kind have
    them (`JobReader.results_path`).
    """

    ended: bool
    result: JobResult | None = None
    results_path: str = ""


class ResultsReader(Protocol):
    """A file of results, read as it arrives, with memory for one line."""

    def feed(self, chunk: bytes) -> None:
        """Read on. Raises `UnreadableResults`."""
        ...

    def end(self) -> JobResult:
        """All is here. Raises `UnreadableResults`."""
        ...


class UnreadableResults(Exception):
    """The provider's file of results is not what its API describes."""


class JobReader(Protocol):
    """One kind of job. `path` has the job's id in the place of `{id}`."""

    kind: JobKind
    path: str
    results_path: str

    def read_state(self, body: bytes) -> JobState | None:
        """What the job's own object says; None when the bytes are no such object."""
        ...

    def results(self, price: ModelPrice | None) -> ResultsReader:
        """Begin to read the results of a job whose requests have that price."""
        ...
