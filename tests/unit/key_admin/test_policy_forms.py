"""The forms of policies: what is typed as the API's members and back, and texts that are tried."""

import pytest

from functions.key_admin.console.forms import flattened, members
from functions.key_admin.console.pages.policies import segments
from functions.key_admin.console.policy_kinds import (
    CONTENT_POLICY,
    REDACTION,
    RESPONSE_CACHE,
    rows_shown,
)


def body(kind, **typed):
    """What a form with these fields says; `_` stands for the points of the short names."""
    return kind.to_body(members(kind.fields, typed))


def again(kind, thing):
    """What is sent of a form that was opened and left as it is."""
    shown = flattened(kind.to_form(thing))
    assert shown.keys() - set(kind.paths) == set()
    return kind.to_body(members(kind.fields, shown))


RULES = {
    "entities": {"CONTACT": "mask", "IBAN": "observe", "TICKET": "block"},
    "tier": "patterns", "on_failure": "deny", "allow": ["Doe, John"], "threshold": 0.6,
    "custom": [{"entity": "TICKET", "pattern": " T-[0-9]+ ", "score": 0.9}],
    "regions": ["US", "DE"], "output": True,
}  # fmt: skip
POLICY = {
    "input_characters_max": 500,
    "patterns": [{"name": "a", "pattern": "x{2}", "verdict": "flag", "where": "output"}],
    "webhook": {"url": "https://a.example/", "phases": ["input", "output"], "timeout_ms": 900,
                "on_failure": "allow", "streams": "end"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        (REDACTION, {"redaction": RULES}),
        (REDACTION, {"redaction": {"entities": {}}}),
        (CONTENT_POLICY, {"content_policy": POLICY}),
        (CONTENT_POLICY, {"content_policy": {"input_characters_max": 5}}),
        (RESPONSE_CACHE, {"response_cache": {"mode": "off", "ttl_s": 60, "ttl_s_max": 600}}),
    ],
)
def test_a_form_that_is_left_as_it_is_says_the_same(kind, thing):
    assert again(kind, thing) == thing


@pytest.mark.parametrize("kind", [REDACTION, CONTENT_POLICY, RESPONSE_CACHE])
def test_a_level_that_says_nothing_says_nothing_again(kind):
    silent = {"redaction": None, "content_policy": None, "response_cache": None}
    # As a browser sends it: the first choice of each list is chosen.
    typed = {"redaction.on_failure": "deny", "content_policy.patterns[0].verdict": "block",
             "content_policy.webhook.judges": "input", "response_cache.ttl_s": ""}  # fmt: skip
    shown = {name: text for name, text in flattened(kind.to_form(silent)).items() if text}
    assert body(kind, **(typed | shown)) == {}


def test_rules_without_an_entity_are_not_taken_for_redacting_nothing():
    assert "entities" not in body(REDACTION, **{"redaction.says": "rules"})["redaction"]
    assert body(REDACTION, **{"redaction.says": "off"}) == {"redaction": {"entities": {}}}


def test_a_pattern_of_ones_own_has_its_action_among_the_entities():
    typed = {"redaction.says": "rules"}
    for row, (entity, action) in enumerate((("T", "mask"), ("T", "block"), ("", "mask"))):
        at = f"redaction.custom[{row}]"
        typed |= {f"{at}.entity": entity, f"{at}.pattern": "x" if entity else "",
                  f"{at}.action": action}  # fmt: skip
    sent = body(REDACTION, **typed)["redaction"]
    # Two patterns of one entity: the stricter; and a blank row is none.
    assert sent["entities"] == {"T": "block"}
    assert sent["custom"] == [{"entity": "T", "pattern": "x"}] * 2


def test_some_blank_rows_are_shown_behind_those_that_are_filled():
    values = {"a[0].b": "x", "a[2].b": "y", "a[3].b": ""}
    assert [rows_shown(values, "a", most) for most in (50, 4)] == [5, 4]
    assert rows_shown({}, "a", 50) == 2


def test_a_tried_text_is_cut_at_its_findings():
    found = [{"start": 2, "end": 4}, {"start": 4, "end": 6}]
    pieces = segments("abCDEFgh", found)
    assert pieces == [("ab", None), ("CD", found[0]), ("EF", found[1]), ("gh", None)]
    assert segments("", []) == []
