"""A tiny run of the benchmarks: every part of it works; no figure is looked at."""

import dataclasses
import shutil

import pytest

from benchmarks import place
from benchmarks.candidate_list import named
from benchmarks.native import COMPILERS
from benchmarks.rounds import measure
from benchmarks.scenarios import BY_NAME, paced

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="the load generator needs a C compiler"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RELAY_BENCH_CACHE", str(tmp_path))


# One of each kind; the others differ by size, and by what fails.
OF_EACH_KIND = ("small", "burst", "limited", "failover-500", "translated-burst", "redacted-10k")
ALL = (
    *(*OF_EACH_KIND, "20k", "1m", "storm-key", "failover-429", "translated"),
    *("cached", "cached-burst"),
)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((*OF_EACH_KIND, "cached"), id="one of each kind"),
        pytest.param(ALL, id="all", marks=pytest.mark.soak),
    ],
)
def test_relay_answers_every_kind_of_load_as_it_should(names):
    # A few requests a second, each on a connection of its own: no machine is too slow for it.
    scenarios = [
        dataclasses.replace(BY_NAME[name], rate=20, connections=64, only=("relay",))
        for name in names
    ]
    scenarios.append(paced(4, 5, 10, only=("relay",)))
    results = measure(named(("relay",)), scenarios, rounds=1, scale=0.5)
    assert results.missing == {}
    assert {turn.scenario: turn.failure for turn in results.turns} == {
        scenario.name: "" for scenario in scenarios
    }
    for turn in results.turns:
        assert turn.requests > 0
        assert turn.cpu_s > 0
        assert turn.helpers_cpu_s["redis"] > 0
        assert turn.memory_mib > 10
        if BY_NAME.get(turn.scenario, scenarios[-1]).stream:
            assert turn.chunks > 0
            assert turn.chunk_delay_us["p99"] > 0


def test_a_candidate_that_does_not_start_is_reported():
    def broken(directory, provider):
        command = ["sh", "-c", "echo no license >&2; exit 1"]
        return place.running(command, provider + 1, cores={0}, log=directory / "log")

    bare, *_ = named(("bare",))
    odd = dataclasses.replace(bare, name="odd", run=broken)
    small = dataclasses.replace(BY_NAME["small"], connections=2)
    results = measure([bare, odd], [small], rounds=1, scale=0.05)
    assert results.missing == {"odd": "did not start: no license"}
    assert [turn.candidate for turn in results.turns] == ["provider", "bare"]
