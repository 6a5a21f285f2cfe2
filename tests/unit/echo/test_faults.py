from dataclasses import fields

import pytest

from echo_provider import faults as faults_module
from echo_provider.faults import NO_FAULTS, Faults, Times, parse_faults, split_directives
from echo_provider.refusals import Refusal


def parsed(*groups, times=None):
    return parse_faults(list(groups), times or Times())


def test_directives_are_cut_out_of_the_text():
    found, text = split_directives("say [[echo status=429 retry_after=2]] this [[echo]]")
    assert found == ["status=429 retry_after=2", ""]
    assert text == "say this"
    assert split_directives("nothing [echo]") == ([], "nothing [echo]")


def test_nothing_asked_for_is_nothing():
    assert parsed() is NO_FAULTS
    assert parsed("") is NO_FAULTS


def test_values_are_read_and_later_groups_win():
    found = parsed("status=500,delay_ms=2.5;reset", "status=503 half_json garbage=json usage=none")
    assert found == Faults(
        status=503, delay_ms=2.5, reset=True, half_json="lying", garbage="json", usage="none"
    )
    assert parsed("redirect").redirect == "/echo/redirected"
    assert parsed("redirect=http://x/y?a=b").redirect == "http://x/y?a=b"
    assert parsed("garbage").garbage == "html"


def test_each_fault_has_a_parser():
    names = {field.name for field in fields(Faults)}
    assert names | {"times", "tag"} == set(faults_module._PARSERS)


@pytest.mark.parametrize(
    "group",
    [
        "stat=500",
        "status",
        "status=99",
        "status=600",
        "delay_ms=-1",
        "delay_ms=nan",
        "delay_ms",
        "words=0",
        "words=x",
        "cut_after",
        "reset=2",
        "half_json=most",
        "usage",
        "retry_after",
        "times=0",
    ],
)
def test_what_does_not_exist_is_refused(group):
    with pytest.raises(Refusal) as caught:
        parsed(group)
    assert caught.value.status == 400
    assert "echo:" in caught.value.message


def test_times_counts_by_tag():
    times = Times()
    group = "status=500 times=2 tag=a"
    assert [parsed(group, times=times).status for _ in range(3)] == [500, 500, None]
    assert parsed("status=500 times=1 tag=b", times=times).status == 500
    assert parsed("status=418 times=1", times=times).status == 418
    assert parsed("status=418 times=1", times=times).status is None
    times.forget()
    assert parsed(group, times=times).status == 500


def test_tags_are_forgotten_rather_than_kept_without_end(monkeypatch):
    monkeypatch.setattr(faults_module, "TAGS_MAX", 2)
    times = Times()
    for tag in "abc":
        assert times.first(1, tag)
    assert times.first(1, "a")
    assert not times.first(1, "c")
