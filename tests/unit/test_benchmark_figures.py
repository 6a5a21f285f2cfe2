"""The pure parts of the benchmarks: statistics, tables, chart, targets, requests."""

import dataclasses
import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import targets
from benchmarks.chart import Panel, position, svg
from benchmarks.figures import Figure, Results, Turn, figure
from benchmarks.memory import Growth, slope
from benchmarks.rounds import takes_part
from benchmarks.scenarios import BY_NAME, SCENARIOS, request_bytes
from benchmarks.tables import cell, matrix, table, unsaturated

TURN = Turn(
    candidate="relay",
    scenario="small",
    round=0,
    seconds=2.0,
    requests=1000,
    units=1000,
    wrong=0,
    statuses={"200": 1000},
    cpu_s=0.5,
    helpers_cpu_s={"redis": 0.1},
    latency_us={"p50": 1500.0, "p90": 2000.0, "p99": 4000.0},
    first_byte_us={},
    chunk_delay_us={"p50": 100.0, "p99": 3000.0},
    chunks=0,
    chunks_wanted=0,
    open=0,
    memory_mib=50.0,
)


def turn(**changes):
    changes.setdefault("units", changes.get("requests", TURN.requests))
    return dataclasses.replace(TURN, **changes)


def test_a_turn_is_rated_by_the_wall_clock_and_by_the_candidates_cpu():
    assert (TURN.rate, TURN.per_core, TURN.cpu_us) == (500, 2000, 500)
    assert TURN.core_used == 0.25
    assert TURN.helper_us("redis") == pytest.approx(100)


def test_a_figure_is_the_median_with_least_and_most():
    assert figure([3.0, 1.0, 10.0]) == Figure(3.0, 1.0, 10.0, 3)
    with pytest.raises(ValueError, match="no round"):
        figure([])


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({}, ""),
        ({"wrong": 10}, ""),
        ({"wrong": 11, "statuses": {"200": 1000, "500": 11}}, "failed (1000x 200, 11x 500)"),
        (
            {"requests": 0, "wrong": 3, "statuses": {}},
            "failed (connections lost, or none was free in time)",
        ),
        ({"requests": 0}, "no answer in time"),
        ({"chunks": 980, "chunks_wanted": 1000}, "980 of 1000 chunks came through"),
        ({"chunks": 990, "chunks_wanted": 1000}, ""),
    ],
)
def test_a_turn_with_wrong_answers_does_not_count(changes, failure):
    assert turn(**changes).failure == failure


def results(*turns, missing=None):
    return Results(list(turns), missing or {})


def test_one_failed_round_fails_the_cell():
    found = results(TURN, turn(round=1, requests=0))
    assert found.figure("relay", "small", lambda t: t.rate) is None
    assert cell(found, "relay", "small", lambda t: t.rate) == "no answer in time"


def test_a_cell_shows_the_spread_and_what_was_not_run():
    found = results(TURN, turn(round=1, requests=3000), missing={"litellm": "no such version"})
    assert cell(found, "relay", "small", lambda t: t.rate) == "1,000 (500 to 1,500)"
    text = matrix(found, ("small", "burst"), {"small": "small chat"}, lambda t: t.rate)
    assert text.splitlines() == [
        "|  | small chat |",
        "| --- | ---: |",
        "| **relay** | 1,000 (500 to 1,500) |",
        "| litellm | not run |",
    ]


def test_a_candidate_whose_core_was_idle_was_not_the_bottleneck():
    assert unsaturated(results(TURN), "relay", "small")
    assert not unsaturated(results(turn(cpu_s=1.9)), "relay", "small")


def test_every_row_of_a_table_has_as_many_cells():
    lines = table(["a", "b"], [["c", "d"]]).splitlines()
    assert {line.count("|") for line in lines} == {3}


def test_the_chart_is_svg_whose_bars_grow_with_the_figures():
    bars = [("relay", Figure(1000, 900, 1100, 3)), ("a & b", Figure(10, 10, 10, 3))]
    drawn = svg([Panel("small <chat>", [*bars, ("gone", "not run")])], "relay")
    root = ET.fromstring(drawn)
    rectangles = root.findall("{http://www.w3.org/2000/svg}rect")[1:]
    long, short = (float(rectangle.get("width")) for rectangle in rectangles)
    assert long > short
    assert "not run" in drawn
    with pytest.raises(ValueError, match="nothing to draw"):
        svg([Panel("empty", [("gone", "not run")])], "relay")


def test_the_scale_is_logarithmic():
    assert position(10, 0, 2) == 0.5
    assert position(0.1, 0, 2) == 0
    assert position(10_000, 0, 2) == 1


def verdicts(found):
    return {target.what: target.met for target in found}


def test_ratios_to_the_peers_are_judged_by_cpu():
    found = results(
        TURN,
        turn(candidate="ferrogw", cpu_s=1.0),
        turn(candidate="envoy", cpu_s=0.1),
        turn(candidate="portkey", requests=0),
    )
    assert verdicts(targets.of_throughput(found)) == {
        "small chat, per core, to litellm": None,
        "small chat, per core, to portkey": None,
        "small chat, per core, to ferrogw": True,
        "small chat, per core, to envoy": False,
        "SSE bursts of 50 chunks, per core, to ferrogw": None,
        "SSE bursts of 50 chunks, per core, to portkey": None,
        "SSE bursts of 50 chunks, per core, to litellm": None,
    }


def test_added_latency_is_over_nginx():
    nginx = {"p50": 400.0, "p90": 600.0, "p99": 900.0}
    slow = turn(scenario="rate-100", latency_us=TURN.latency_us | {"p50": 1500.0})
    found = results(slow, turn(scenario="rate-100", candidate="nginx", latency_us=nginx))
    p50, p99 = targets.of_latency(found)
    assert (p50.measured, p50.met) == ("1.10 ms", False)
    assert (p99.measured, p99.met) == ("3.10 ms", True)


def test_paced_streams_are_judged_by_chunks_not_by_whole_streams():
    ours = turn(scenario="paced-1000", units=20.0)
    nginx = turn(scenario="paced-1000", candidate="nginx", units=40.0, cpu_s=0.6)
    alone = turn(scenario="paced-1000", candidate="provider", chunk_delay_us={"p99": 1000.0})
    cpu, held = targets.of_paced(results(ours, nginx, alone))
    assert (cpu.measured, cpu.met) == ("1.67x", True)
    assert (held.measured, held.met) == ("2.00 ms", True)


def test_what_was_not_measured_is_neither_met_nor_missed():
    found = [*targets.of_cold_start({"first 200": 1.71}), *targets.of_memory({"idle": 60.0})]
    assert [target.met for target in found] == [False, None, True, None]


def test_growth_is_the_slope_after_the_first_third():
    minutes = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    growth = Growth(minutes, [10.0, 50.0, 50.0, 51.0, 52.0, 53.0], 1)
    assert growth.mib_an_hour == pytest.approx(60)
    assert slope([1.0], [2.0]) == 0


def test_who_takes_part():
    names = ("bare", "relay", "litellm")
    asked = {
        name: [n for n in names if takes_part(n, BY_NAME[name], {"bare"})]
        for name in ("small", "burst", "limited")
    }
    assert asked == {
        "small": ["bare", "relay", "litellm"],
        "burst": ["relay", "litellm"],
        "limited": ["relay"],
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_request_is_whole_http(scenario):
    request = request_bytes(scenario, "h:1", "/v1", {"authorization": "Bearer k"})
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    decoded = json.loads(body)
    assert decoded["messages"][0]["content"] == scenario.content
    assert ("stream" in decoded) == scenario.stream
    assert BY_NAME[scenario.name] is scenario
