"""The forms of routing: rules in rows, as they are shown, read, moved and refused. Pure."""

from string import Formatter

import pytest

from common.domain.routing_points import TEXTS
from functions.key_admin.console.routing_fields import (
    AliasDraft,
    GroupDraft,
    LevelDraft,
    acted,
    places,
)
from functions.key_admin.console.words import catalogue

RULES = {
    "account_id": None, "group_id": "G", "regions": ["eu", "us"],
    "fallbacks": {"gpt-4o": ["gpt-4.1", "gpt-4o-mini"], "claude-*": ["claude-haiku-4-5"]},
}  # fmt: skip
WHEN = {
    "teams": ["T"], "tags": ["gold"], "headers": {"x-tier": "fast"}, "input_tokens_min": 10,
    "input_tokens_max": None, "tools": True, "images": None,
}  # fmt: skip
NOTHING = {
    "teams": [], "tags": [], "headers": {}, "input_tokens_min": None, "input_tokens_max": None,
    "tools": None, "images": None,
}  # fmt: skip
ALIAS = {
    "rules": [{"models": {"a": 9, "b": 1}, "when": WHEN}, {"models": {"c": 1}, "when": NOTHING}]
}


@pytest.mark.parametrize("level", ["organisation", "team", "key"])
def test_a_levels_rules_come_back_as_they_were(level):
    draft = LevelDraft(level, "twice")
    values = draft.values(RULES)
    assert draft.typed(values) == values
    absent = {"organisation": {"account_id", "group_id"}, "key": {"fallbacks"}}.get(level, set())
    expected = {name: value for name, value in RULES.items() if name not in absent}
    assert draft.read(values) == (expected, {})


def test_what_is_wrong_in_a_fallback_stands_at_its_row():
    draft = LevelDraft("team", "twice")
    values = {
        "fallbacks[0].model": "", "fallbacks[0].instead": "",
        "fallbacks[2].model": "gpt-4o", "fallbacks[2].instead": "a, *",
        "fallbacks[3].model": "gpt-4o[0]", "fallbacks[3].instead": "",
        "binding": "", "regions": "",
    }  # fmt: skip
    assert draft.read(values).body["fallbacks"] == {"gpt-4o": ["a", "*"], "gpt-4o[0]": []}
    assert draft.field("fallbacks.gpt-4o[1]", values) == "fallbacks[2].instead"
    assert draft.field("fallbacks.gpt-4o", values) == "fallbacks[2].model"
    assert draft.field("fallbacks.gpt-4o[0]", values) == "fallbacks[2].instead"
    assert draft.field("fallbacks", values) == ""
    assert draft.field("group_id", values) == "binding"
    values["fallbacks[3].model"] = "gpt-4o"
    assert draft.read(values).errors == {"fallbacks[3].model": "twice"}


def test_a_group_is_the_boxes_that_are_ticked():
    draft = GroupDraft()
    form = {"name": " eu ", "account_ids.B": "on", "account_ids.A": "on", "version": "1"}
    assert draft.read(draft.typed(form)).body == {"name": "eu", "account_ids": ["A", "B"]}
    assert draft.typed(draft.values({"name": "eu", "account_ids": ["B"]})) == {
        "name": "eu", "account_ids.B": "on",
    }  # fmt: skip


def test_an_aliass_rules_come_back_as_they_were():
    draft = AliasDraft({"T": "Research", "U": "Research"}, "twice", "none")
    values = draft.values(ALIAS)
    assert values["rules[0].models"] == "a = 9\nb = 1"
    assert values["rules[0].when.teams"] == "Research"
    body, errors = draft.read(draft.typed(values))
    assert errors == {}
    for rule, before in zip(body["rules"], ALIAS["rules"], strict=True):
        assert rule["models"] == before["models"]
        assert NOTHING | rule["when"] == before["when"]
    # Of two teams of one name only the first is meant by it.
    other = draft.values({"rules": [{"models": {"c": 1}, "when": NOTHING | {"teams": ["U"]}}]})
    assert other["rules[0].when.teams"] == "U"


def test_what_is_wrong_in_a_rule_stands_at_its_row_whatever_rows_are_blank():
    draft = AliasDraft({}, "twice", "none")
    values = {
        "rules[0].models": "", "rules[1].models": "a = many\na = 2",
        "rules[4].models": "b", "rules[4].when.headers": "x", "rules[4].when.tools": "true",
    }  # fmt: skip
    body, errors = draft.read(values)
    assert errors == {"rules[1].models": "twice"}
    assert body["rules"][1] == {"models": {"b": 1}, "when": {"headers": {"x": ""}, "tools": True}}
    assert draft.field("rules[1].when.headers.x", values) == "rules[4].when.headers"
    assert draft.field("rules[1].when.teams[0]", values) == "rules[4].when.teams"
    assert draft.field("rules[0].models.a.b", values) == "rules[1].models"
    assert draft.field("rules", values) == ""
    conditioned = {"rules[2].models": "", "rules[2].when.tags": "batch"}
    assert draft.read(conditioned).errors == {"rules[2].models": "none"}
    assert draft.read({"rules[7].models": ""}).errors == {"rules[7].models": "none"}
    assert draft.read({}).errors == {"rules[0].models": "none"}
    assert draft.read({"rules[0].models": "a = many"}).body["rules"][0]["models"] == {"a": "many"}


@pytest.mark.parametrize(
    ("act", "order", "at"),
    [
        ("up:5", ["b", "a", "c"], 0), ("down:2", ["b", "a", "c"], 1), ("up:2", ["a", "b", "c"], 0),
        ("down:9", ["a", "b", "c"], 2), ("remove:5", ["a", "c"], 0), ("add", ["a", "b", "c"], 3),
        ("remove:77", ["a", "b", "c"], 3),
    ],
)  # fmt: skip
def test_rows_are_moved(act, order, at):
    values = {"rules[2].models": "a", "rules[5].models": "b", "rules[9].models": "c", "name": "n"}
    found, place = acted(values, "rules", act)
    assert [found[f"rules[{row}].models"] for row in places(found, "rules")] == order
    assert (place, found["name"]) == (at, "n")


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_point_of_a_route_has_words(language):
    words = catalogue(language)
    for code, text in TEXTS.items():
        allowed = {name for _, name, _, _ in Formatter().parse(text) if name} | {"level", "region"}
        used = {name for _, name, _, _ in Formatter().parse(words[f"point.{code}"]) if name}
        assert used <= allowed, code
    assert {word.partition(".")[2] for word in words if word.startswith("point.")} == set(TEXTS)
