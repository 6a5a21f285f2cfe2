"""The document that the benchmarks write, from made-up figures."""

import xml.etree.ElementTree as ET

from benchmarks import cold_start_image, document
from benchmarks.candidate_list import CANDIDATES
from benchmarks.cold_start import ColdStart, starts_of
from benchmarks.document import Report
from benchmarks.figures import Figure, Results
from benchmarks.memory import Growth
from benchmarks.scenarios import SCENARIOS
from tests.unit.test_benchmark_figures import turn


def report(**changes):
    turns = [
        turn(candidate=name, scenario=scenario.name, chunks=1000)
        for name in ("provider", "nginx", "relay")
        for scenario in SCENARIOS
    ]
    fields = {
        "command": "python -m benchmarks",
        "date": "2026-11-26",
        "rounds": 1,
        "place": {"machine": "two cores"},
        "versions": {"relay": "1"},
        "does": {candidate.name: candidate.does for candidate in CANDIDATES},
        "results": Results(turns, {"litellm": "no such version"}),
        "cold": {
            name: ColdStart(Figure(100, 90, 110, 3), Figure(50, 50, 50, 3))
            for name in starts_of({})
        },
        "memory": {"idle": 50.0, "after load": 60.0, "stream": 30.0, "event": 1.5},
    }
    return Report(**fields | changes)


def test_the_document_has_every_part_and_its_chart(tmp_path):
    document.write(report(), tmp_path / "performance.md")
    text = (tmp_path / "performance.md").read_text()
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "Targets",
        "Throughput",
        "Streams that are open long",
        "Latency at 100 requests/s",
        "relay: limits, refusals, failover",
        "relay: another dialect than the provider's",
        "relay: redaction",
        "Cold start",
        "Memory",
        "How it is measured",
    ]
    assert "litellm does not take part: no such version" in text
    assert "(performance.svg)" in text
    ET.parse(tmp_path / "performance.svg")


def test_what_was_not_run_is_left_out_or_said():
    small = [turn(candidate=name) for name in ("nginx", "relay")]
    text = document.markdown(report(results=Results(small), cold={}, memory={}), "c.svg")
    assert "## Cold start" not in text
    assert "## Streams" not in text
    assert "| cold start of relay, start → first 200 | ≤ 1.7x bare asyncio | not run | - |" in text


def test_figures_of_a_busy_machine_are_called_provisional():
    quiet, busy = ({"load before": load} for load in ("0.21", "7.50"))
    assert "Provisional" in document.markdown(report(place=busy), "c.svg")
    assert "Provisional" not in document.markdown(report(place=quiet), "c.svg")


def test_the_image_is_judged_beside_bare_asyncio_in_it():
    found = {
        "bare asyncio": Figure(400, 390, 410, 3),
        "first 200": Figure(500, 490, 510, 3),
        "first chat": Figure(600, 590, 610, 3),
    }
    assert cold_start_image.sentence("relay:1", found) == (
        "`relay:1`, from `docker start`: first 200 500 ms (1.25x bare asyncio), "
        "first chat 600 ms (1.50x bare asyncio), bare asyncio 400 ms"
    )


def test_a_run_is_kept_as_json():
    made = report(growth=Growth([1.0, 2.0], [50.0, 51.0], 10))
    assert document.from_json(document.as_json(made)) == made
