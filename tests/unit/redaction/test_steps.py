"""The longest piece of work between two yields is the same however long the body is."""

import sys

import pytest

from benchmarks.redaction.bodies import BODIES
from benchmarks.redaction.steps import work

SIZE = 60_000
# What one step calls at most, Python's functions and the interpreter's own alike: some 5 ms.
CALLS_MAX = 30_000


def longest_step(name, size):
    """The most calls between two yields."""
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
def test_a_step_does_not_grow_with_the_body(name):
    short, long = longest_step(name, SIZE), longest_step(name, 4 * SIZE)
    assert long < CALLS_MAX
    assert long < 1.5 * short
