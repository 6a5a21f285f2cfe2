"""Which failures `.ci/run` runs again alone: few, and each a test's own."""

import importlib.util
import json

import pytest

from tests.support.processes import ROOT

ASSERTED = '<failure message="assert 1 == 2">...</failure>'
NOT_STARTED = '<error message="failed on setup with &quot;it did not start&quot;">...</error>'
LEAKED = '<error message="failed on teardown with &quot;AssertionError: sk-&quot;">...</error>'
CRASHED = '<error message="failed on setup with &quot;worker gw0 crashed while running x&quot;" />'
NOT_COLLECTED = '<error message="collection failure">ImportError</error>'


@pytest.fixture(scope="module")
def run_again():
    made = importlib.util.spec_from_file_location("run_again", ROOT / "scripts" / "run_again.py")
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("faults", "forgiven"),
    [
        ([], False),
        ([ASSERTED], True),
        ([ASSERTED, NOT_STARTED, ASSERTED], True),
        ([ASSERTED] * 4, False),
        ([ASSERTED, LEAKED], False),
        ([CRASHED], False),
        ([NOT_COLLECTED], False),
    ],
)
def test_what_is_forgiven(run_again, tmp_path, faults, forgiven):
    results, last_failed = tmp_path / "tests.xml", tmp_path / "lastfailed"
    cases = "".join(f"<testcase name='t'>{fault}</testcase>" for fault in ["", *faults])
    results.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    names = [f"tests/test_it.py::test_{number}" for number in range(len(faults))]
    last_failed.write_text(json.dumps(dict.fromkeys(names, True)))
    assert run_again.forgivable(results, last_failed) == (names if forgiven else [])


def test_a_run_that_did_not_come_to_its_end_is_not_forgiven(run_again, tmp_path):
    last_failed = tmp_path / "lastfailed"
    last_failed.write_text('{"tests/test_it.py::test_it": true}')
    assert run_again.forgivable(tmp_path / "tests.xml", last_failed) == []


def test_a_failure_that_is_in_one_of_the_two_only_is_not_forgiven(run_again, tmp_path):
    results, last_failed = tmp_path / "tests.xml", tmp_path / "lastfailed"
    results.write_text(f"<testsuites><testcase name='t'>{ASSERTED}</testcase></testsuites>")
    last_failed.write_text('{"tests/a.py::test_a": true, "tests/b.py::test_b": true}')
    assert run_again.forgivable(results, last_failed) == []
