"""What becomes of a model's labels, without a model: entity, extent, score, dates of birth."""

import pytest

from functions.pii.recognizers import UNSURE, Labelled, find

THRESHOLD = 0.5


def labels(text, **named):
    """Labels on the first place where each value stands: `PERSON="Ann Lee"`."""
    found = []
    for label, values in named.items():
        for value in [values] if isinstance(values, str) else values:
            start = text.index(value)
            found.append(Labelled(start, start + len(value), label))
    return found


def said(text, **named):
    """The values that are sure enough, with their entity."""
    found = find(text, labels(text, **named))
    return [(text[one.start : one.end], one.entity) for one in found if one.score >= THRESHOLD]


@pytest.mark.parametrize(
    ("label", "entity"),
    [
        *(("PERSON", "PERSON"), ("PER", "PERSON"), ("GPE", "LOCATION"), ("LOC", "LOCATION")),
        *(("FAC", "LOCATION"), ("ORG", "ORGANIZATION"), ("NORP", "NRP")),
    ],
)
def test_labels_of_both_schemes_are_entities(label, entity):
    assert said("We met Salome there.", **{label: "Salome"}) == [("Salome", entity)]


@pytest.mark.parametrize("label", ["CARDINAL", "MISC", "WORK_OF_ART", "DATE", "MONEY"])
def test_other_labels_are_nothing(label):
    assert said("It was 1984 then.", **{label: "1984"}) == []


@pytest.mark.parametrize(
    ("text", "marked", "kept"),
    [
        ("It is Ann Lee's book", "Ann Lee's", "Ann Lee"),
        ("It is James\u2019 book", "James\u2019", "James"),
        ('He said "Ann Lee" twice', '"Ann Lee"', "Ann Lee"),
        ("Ask Dr. Ann Lee, please", "Dr. Ann Lee,", "Ann Lee"),
        ("| Ann Lee | 3 |", "| Ann Lee |", "Ann Lee"),
        ("**Ann Lee** wrote", "**Ann Lee**", "Ann Lee"),
    ],
)
def test_marks_titles_and_possessives_are_no_part_of_a_name(text, marked, kept):
    assert said(text, PERSON=marked) == [(kept, "PERSON")]


def test_a_name_ends_with_its_line_or_column():
    text = "from Ann Lee\nBob Ray\tTom Day"
    found = said(text, PERSON="Ann Lee\nBob Ray\tTom Day")
    assert [value for value, _ in found] == ["Ann Lee", "Bob Ray", "Tom Day"]


@pytest.mark.parametrize(
    "value",
    [
        *("S3", "C4", "EC2", "v2.14.1", "9f2c1ab7", "foo_bar", "getUser", "README.md", "X"),
        *("kubectl", "Docker", "JSON", "std::vector", "a/b", "user@host", "--force", "POST"),
    ],
)
@pytest.mark.parametrize("label", ["PERSON", "GPE", "ORG"])
def test_what_looks_technical_is_too_unsure_to_count(value, label):
    text = f"See {value} now."
    found = find(text, labels(text, **{label: value}))
    assert [one.score for one in found] in ([UNSURE], [])


@pytest.mark.parametrize("name", ["McDonald", "MacArthur", "DeLuca", "O'Brien", "Jean-Luc Picard"])
def test_names_with_capitals_within_are_names(name):
    assert said(f"See {name} now.", PERSON=name) == [(name, "PERSON")]


def test_capitals_are_companies_but_rarely_people_or_places():
    assert said("We pay IBM now", ORG="IBM") == [("IBM", "ORGANIZATION")]
    assert said("We see the BNF now", PERSON="BNF") == []
    assert said("We fly to the USA now", GPE="the USA") == [("USA", "LOCATION")]


@pytest.mark.parametrize(
    ("label", "plain", "with_word", "value"),
    [
        ("PERSON", "we saw Kim", "Dear Kim", "Kim"),
        ("GPE", "we like Nice", "she lives in Nice", "Nice"),
        ("ORG", "we like Acme", "he works for Acme", "Acme"),
        ("ORG", "we like Acme", "we like Acme Ltd", "Acme Ltd"),
    ],
)
def test_a_word_of_context_makes_surer(label, plain, with_word, value):
    [one] = find(plain, labels(plain, **{label: value.removesuffix(" Ltd")}))
    [other] = find(with_word, labels(with_word, **{label: value}))
    assert one.score < other.score < 1


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("DOB: 04/17/1962, seen 11/02/2025 and later", "04/17/1962"),
        ("She was born on 5 June 1971.", "5 June 1971"),
        ("born June 5th, 1971", "June 5th, 1971"),
        ('{"date_of_birth": "1990-07-23"}', "1990-07-23"),
        ("geb. 23.11.1988 in Ulm", "23.11.1988"),
        ("né le 01/02/1980", "01/02/1980"),
    ],
)
def test_a_date_behind_a_word_of_birth_is_one_of_birth(text, date):
    assert said(text)[0] == (date, "DATE_OF_BIRTH")


@pytest.mark.parametrize(
    "text",
    [
        "The meeting is on 14 May 2026.",
        "released 2025-01-31",
        "He was born in Rome. A lot happened since then, in art and war, until 3 May 1999.",
        "Born at last!\n\nUpdated: 2025-01-31",
    ],
)
def test_other_dates_are_not(text):
    assert said(text) == []


def test_a_date_that_only_the_model_sees_counts_where_it_has_a_year():
    assert said("born in the spring of 1984", DATE="the spring of 1984") == [
        ("the spring of 1984", "DATE_OF_BIRTH")
    ]
    assert said("born yesterday", DATE="yesterday") == []
