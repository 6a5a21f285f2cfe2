"""What the patterns find in the labelled sentences, and what each rule refuses."""

import pytest

from benchmarks.redaction.__main__ import patterns
from benchmarks.redaction.scoring import score, total
from benchmarks.redaction.sentences import sentences
from common.redaction.detectors import check_digits
from common.redaction.detectors.cards import passes_luhn
from common.redaction.entities import GROUPS, MODEL_ENTITIES, PATTERN_ENTITIES
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy


@pytest.fixture(scope="module")
def analyse():
    return patterns()


def test_the_set_is_large_enough_and_its_labels_are_entities():
    texts = sentences()
    assert len(texts) >= 300
    assert sum(not one.spans for one in texts) >= 50
    assert {span[2] for one in texts for span in one.spans} <= PATTERN_ENTITIES | MODEL_ENTITIES
    assert {span[2] for one in texts for span in one.spans} >= PATTERN_ENTITIES


def test_what_docs_privacy_says_of_precision_and_recall_still_holds(analyse):
    scores = score(sentences(), analyse, PATTERN_ENTITIES)
    assert total(scores).precision >= 0.99
    assert total(scores).recall >= 0.97
    assert {name: one for name, one in scores.items() if one.precision < 0.95} == {}
    assert {name: one for name, one in scores.items() if one.f1 < 0.85} == {}


def test_no_trap_is_taken_for_anything(analyse):
    assert [(one.text, analyse(one.text)) for one in sentences() if not one.spans] == [
        (one.text, []) for one in sentences() if not one.spans
    ]


VALID = {
    "luhn": (passes_luhn, "4111111111111111"),
    "steuer": (check_digits.is_steuer_id, "86095742719"),
    "nir": (check_digits.is_nir, "185057800608491"),
    "dni": (check_digits.is_dni, "12345678Z"),
    "nie": (check_digits.is_dni, "X1234567L"),
    "fiscal code": (check_digits.is_codice_fiscale, "RSSMRA85T10A562S"),
    "cpf": (check_digits.is_cpf, "52998224725"),
    "bsn": (check_digits.is_bsn, "111222333"),
    "pesel": (check_digits.is_pesel, "44051401359"),
}


@pytest.mark.parametrize("name", VALID)
def test_one_changed_digit_is_seen(name):
    check, code = VALID[name]
    assert check(code)
    changed = [
        code[:place] + str((int(code[place]) + 1) % 10) + code[place + 1 :]
        for place in range(len(code))
        if code[place].isdigit()
    ]
    # Mod 11 reduced to one digit lets a few through; no check lets more than one in seven.
    assert sum(map(check, changed)) <= len(changed) / 7


def test_weak_forms_are_found_without_a_word_where_the_threshold_says_so():
    text = "id 111222333 in the list"
    assert found(text, 0.5) == []
    assert found(text, 0.2) == ["111222333"]
    assert found("bsn 111222333", 0.5) == ["111222333"]


def found(text, threshold):
    policy = {"entities": {"NL_BSN": "mask"}, "threshold": threshold}
    return [text[f.start : f.end] for f in scanner(plan(read_policy(policy))).scan(text)]


@pytest.mark.parametrize("entity", sorted(PATTERN_ENTITIES))
def test_each_entity_is_found_by_itself(entity):
    """And nothing else is, where nothing else is asked for."""
    policy = {"entities": {entity: "mask"}, "regions": ["US", "GB", "DE", "FR"]}
    alone = scanner(plan(read_policy(policy)))
    kinds = {f.entity for one in sentences() for f in alone.scan(one.text)}
    assert kinds == {entity}


def test_groups_hold_every_pattern_entity_once():
    names = [entity for group in GROUPS.values() for entity in group]
    assert sorted(names) == sorted(PATTERN_ENTITIES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("GET /x?email=john%40example.com&a=1", "john%40example.com"),
        ("card 4111\u00a01111\u00a01111\u00a01111.", "4111\u00a01111\u00a01111\u00a01111"),
        ("card 4111\u20111111\u20111111\u20111111.", "4111\u20111111\u20111111\u20111111"),
        ("call +49\u202f30\u202f901820", "+49\u202f30\u202f901820"),
        ("IBAN DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
         "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"),
        ("\uff14" + "\uff11" * 15, "\uff14" + "\uff11" * 15),
        ("ann\uff20example\uff0ecom", "ann\uff20example\uff0ecom"),
    ],
)  # fmt: skip
def test_values_are_found_as_urls_word_processors_and_east_asian_texts_write_them(text, value):
    found = scanner(plan(read_policy({"entities": {"CONTACT": "mask", "FINANCIAL": "mask"}})))
    assert [text[one.start : one.end] for one in found.scan(text)] == [value]


def test_a_pattern_of_ones_own_sees_a_text_as_it_is_written():
    custom = [{"entity": "STAFF", "pattern": "\uff14\uff11|a\u00a0b"}]
    found = scanner(plan(read_policy({"entities": {"STAFF": "mask"}, "custom": custom})))
    assert [one[:2] for one in found.scan("\uff14\uff11 a\u00a0b")] == [(0, 2), (3, 6)]
