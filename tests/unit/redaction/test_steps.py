"""The longest piece of work between two yields is the same however long the body is."""

import sys

import pytest

from benchmarks.redaction.bodies import BODIES
from benchmarks.redaction.steps import work
from common.redaction import places, redacting, rewriting, scanning

SIZE = 5_000
# Steps a tenth as long as they are, so that small bodies have many.
SMALL = (
    (scanning, "STEP_CHARACTERS", 1_600),
    (scanning, "STEP_CANDIDATES", 8),
    (places, "STEP_TOKENS", 100),
    (redacting, "STEP_FINDINGS", 25),
    (rewriting, "STEP_UNITS", 50),
    (rewriting, "STEP_PLACES", 25),
)


def longest_step(name, size):
    """The most calls between two yields, of Python's functions and the interpreter's own."""
    steps, calls, longest = work(name, size), 0, 0

    def count(frame, event, argument):
        nonlocal calls
        del frame, argument
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for _ in steps:
            longest, calls = max(longest, calls), 0
    finally:
        sys.setprofile(None)
    return max(longest, calls)


@pytest.mark.parametrize("name", BODIES)
def test_a_step_does_not_grow_with_the_body(name, monkeypatch):
    for module, constant, small in SMALL:
        monkeypatch.setattr(module, constant, small)
    for _ in work(name, 4 * SIZE):
        pass  # numbering plans of countries are read at their first number
    short, long = longest_step(name, SIZE), longest_step(name, 4 * SIZE)
    assert long < 2 * short
