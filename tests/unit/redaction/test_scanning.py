"""Overlaps by rule; parts change nothing; the work of one step is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.redaction import scanning
from common.redaction.detectors.base import PatternDetector, always
from common.redaction.entities import GROUPS
from common.redaction.found import Found, resolve
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy
from common.redaction.scanning import Scanner, finish

EVERYTHING = {
    "entities": dict.fromkeys(GROUPS, "mask") | {"TICKET": "mask"},
    "custom": [{"entity": "TICKET", "pattern": r"\bTCK-[0-9]{1,9}\b"}],
    "regions": ["US", "DE"],
}
PIECES = (
    *("ann@example.com", "+49 30 901820", "4111 1111 1111 1111", "DE89370400440532013000"),
    *("536-90-4399", "10.1.2.3", "00:1B:44:11:3A:B7", "postgres://bob:s3cr3t@db/x", "TCK-7"),
    *("sk-ant-api03-abcdefghijklmnopqrstuvwx", "word", " ", "\n", ", ", "12", "é", "@", "://"),
    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
)
FOUND = st.builds(
    lambda start, length, entity, score: Found(start, start + length, entity, score),
    *(st.integers(0, 30), st.integers(1, 10), st.sampled_from("ABC"), st.sampled_from([0.5, 0.9])),
)


@pytest.fixture(scope="module")
def everything():
    return scanner(plan(read_policy(EVERYTHING)))


@given(st.lists(FOUND, max_size=8))
def test_nothing_overlaps_and_nothing_found_is_left(found):
    kept = resolve(found, {"A": 2, "B": 1, "C": 0}.__getitem__)
    places = [place for one in kept for place in range(one.start, one.end)]
    assert len(places) == len(set(places))
    assert set(places) == {place for one in found for place in range(one.start, one.end)}
    assert kept == sorted(kept)


def test_the_stronger_action_wins_then_the_longer_then_the_surer():
    strength = {"BLOCK": 3, "MASK": 1, "OTHER": 1}.__getitem__
    long, inner = Found(0, 10, "MASK", 0.5), Found(3, 5, "OTHER", 0.9)
    assert resolve([inner, long], strength) == [long]
    assert resolve([long, long._replace(entity="OTHER", score=0.9)], strength)[0].score == 0.9
    blocked = Found(8, 12, "BLOCK", 0.5)
    assert resolve([long, blocked], strength) == [long._replace(end=8), blocked]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_parts_change_nothing(everything, monkeypatch, size):
    text = " ".join(PIECES) + "".join(PIECES) + " ".join(reversed(PIECES))
    whole = everything.scan(text)
    assert len(whole) > 20
    monkeypatch.setattr(scanning, "STEP_CHARACTERS", size)
    assert everything.scan(text) == whole


@given(text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_parts_change_nothing_of_any_text(everything, text):
    whole = everything.scan(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "STEP_CHARACTERS", 5)
        assert everything.scan(text) == whole


class Counting:
    """A detector that says how much it was given to look at, a step."""

    entities = frozenset({"X"})
    gate = None

    def __init__(self):
        self.characters = self.candidates = 0

    def find(self, text, start, stop):
        self.characters += stop - start
        for _ in range(start, stop, 3):
            self.candidates += 1
            yield None


def test_a_step_is_a_bounded_piece_of_work_whatever_the_text():
    counting = Counting()
    steps = Scanner([counting]).steps("0" * 1_000_000)
    done = 0
    while True:
        before = (counting.characters, counting.candidates)
        try:
            next(steps)
        except StopIteration:
            break
        done += 1
        assert counting.characters - before[0] <= scanning.STEP_CHARACTERS
        assert counting.candidates - before[1] <= scanning.STEP_CANDIDATES
    assert counting.characters == 1_000_000
    assert done > 1_000_000 / scanning.STEP_CHARACTERS


def test_findings_are_resolved_within_their_step_and_not_all_at_the_end(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        scanning, "resolve", lambda found, strength: sizes.append(len(found)) or resolve(found)
    )
    detector = PatternDetector("X", "x+", always(0.9))
    found = finish(Scanner([detector]).steps("xx " * 20_000))
    assert len(found) == 20_000
    assert max(sizes) == 1


def test_a_placeholder_is_not_found_again(everything):
    codes = ("00000000", "12345678", "0123456789", "ABCDEFGH", "7K3QX2MA")
    entities = sorted(everything_entities())
    text = " ".join(f"{entity}_{code}" for entity in entities for code in codes)
    assert everything.scan(text + " " + " ".join(f"REDACTED_{e}" for e in entities)) == []


def everything_entities():
    return {entity for group in GROUPS.values() for entity in group}
