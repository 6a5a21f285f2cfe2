"""What is said of a route: the order, what speaks for and against, and what each would get."""

import itertools

import msgspec
import pytest

from common.domain.accounts import AccountRecord
from common.domain.fallbacks import fallbacks_at, lacking
from common.domain.ids import encode_ulid
from common.domain.policies import Applied, Policy
from common.domain.routing import CANDIDATES_MAX, Routing
from common.domain.routing_explained import Judging, Load, consider, handed_over, tried
from common.domain.routing_points import TEXTS, out, speaks_for
from common.domain.routing_table import AliasRule, Asking, ModelEntry, When, holds, target_of

NOW = encode_ulid(1_764_000_000_000, bytes(10))
HERE = Applied("team", "team:x", Policy(routing=Routing(regions=("eu",))))


def account(name, **fields):
    return AccountRecord(name, name, "openai", "http://x", **fields)


def judging(rules=(), groups=None, loads=None, **more):
    def unable(one, model):
        wrong = one.provider != "openai"
        return out("no_endpoint", provider=one.provider) if wrong else None

    return Judging(rules, groups or {}, loads or {}, NOW, unable, **more)


def codes(considered, speaks=None):
    return [one.code for one in considered.points if speaks in (None, one.speaks)]


def test_the_order_of_asking_and_why_others_are_left_out():
    accounts = [
        account("any"),
        account("busy", models={"m": "m"}, max_concurrency=2),
        account("idle", models={"m": "served"}, weight=2),
        account("later", models={"m": "m"}, priority=60),
        account("off", enabled=False),
        account("drained", schedulable=False),
        account("ended", expires_at_ms=1),
        account("other", models={"n": "n"}),
        account("far", models={"m": "m"}, region="us"),
        AccountRecord("claude", "claude", "anthropic", "http://x"),
    ]
    rules = [Applied("team", "team:x", Policy(routing=Routing(group_id="g")))]
    groups = {"g": [one.id for one in accounts if one.id != "far"]}
    loads = {"busy": Load(2), "idle": Load(3), "later": Load(0, 5000, 1_764_000_005_000)}
    found = consider(accounts, "m", judging(rules, groups, loads))
    assert [(one.account.id, one.tier, one.state) for one in found[:4]] == [
        ("idle", 0, "ready"), ("busy", 0, "full"), ("later", 1, "cooling"), ("any", 2, "ready"),
    ]  # fmt: skip
    assert found[0].served == "served"
    assert {one.account.id: one.left_out for one in found[4:]} == {
        "off": "it is disabled",
        "drained": "it takes no new requests",
        "ended": "it has ended",
        "other": "its models do not name it",
        "far": "the team's rule group_id leaves it out",
        "claude": "anthropic is not asked at this endpoint",
    }
    assert codes(found[2], "against") == ["cooling"]
    assert "2025-11-24T16:00:05.000Z" in found[2].points[0].text


def test_all_that_leaves_an_account_out_is_said():
    far = account("far", enabled=False, models={"n": "n"}, region="us")
    found = consider([far], "m", judging([HERE]))
    assert codes(found[0]) == ["disabled", "not_named", "regions"]
    assert found[0].points[2].values == {"level": "team", "region": "us"}
    unpriced = judging(unpriced=lambda served: out("unpriced", model=served, book="b"))
    assert codes(consider([account("a")], "m", unpriced)[0]) == ["unpriced"]


def test_what_is_idle_gets_its_weights_part_and_a_conversation_stays():
    heavy, light = (
        account("heavy", models={"m": "m"}, weight=3),
        account("light", models={"m": "m"}),
    )
    spare = account("spare")

    def shares(**more):
        found = handed_over(consider([heavy, light, spare], "m", judging(**more)), [])
        return {one.account.id: one.share for one in found}

    assert shares() == {"heavy": 0.75, "light": 0.25, "spare": 0}
    assert shares(loads={"heavy": Load(3), "light": Load(2)}) == {
        "heavy": 1, "light": 0, "spare": 0,
    }  # fmt: skip
    both = {"heavy": Load(rests_ms=1), "light": Load(used_up="tokens_per_minute")}
    assert shares(loads=both) == {"heavy": 0, "light": 0, "spare": 1}
    assert shares(sticky="spare") == {"heavy": 0, "light": 0, "spare": 1}
    resting = {"spare": Load(rests_ms=1)}
    assert shares(sticky="spare", loads=resting) == {"heavy": 0.75, "light": 0.25, "spare": 0}


def test_no_more_than_eight_are_handed_over_and_some_are_left_to_fallbacks():
    many = [account(f"a{n}", models={"m": "m"}) for n in range(6)]
    later = [account(f"b{n}", models={"m": "m"}, priority=60) for n in range(3)]
    last = account("last", models={"m": "m"}, priority=70)
    own = consider([*many, *later, last], "m", judging())
    point = speaks_for("fallback", model="n", level="team")
    instead = consider([account("c")], "n", judging(), first_tier=3, standing_in=point)
    found = handed_over(own, instead)
    able = [one for one in found if not one.left_out]
    assert [one.account.id for one in able if one.is_fallback] == ["c"]
    assert {one.account.id for one in able if "crowded" in codes(one)} == {"b0", "b1", "b2"}
    assert [one.account.id for one in found if "beyond" in codes(one)] == ["last"]
    alone = handed_over(own, [])
    assert [codes(one)[0] for one in alone if one.account.id == "last"] == ["beyond"]
    assert CANDIDATES_MAX == 8


ASKED = Asking("t", ("gold",), {"x": "1"}.get, lambda: 100, lambda: (True, False))
WHENS = [
    When(), When(teams=("u",)), When(tags=("iron",)), When(headers={"x": "2"}),
    When(input_tokens_min=101), When(input_tokens_max=99), When(tools=False), When(images=True),
    When(tags=("gold",), headers={"x": "1"}, input_tokens_min=100, tools=True),
]  # fmt: skip


@pytest.mark.parametrize("when", WHENS)
def test_the_condition_that_does_not_hold_is_named(when):
    only = tried([AliasRule({"m": 1}, when)], ASKED)[0]
    assert (only.unmet is None) == holds(when, ASKED) == only.is_taken
    if only.unmet is not None:
        assert getattr(when, only.unmet) != getattr(When(), only.unmet)


def test_rules_are_tried_as_they_are_asked():
    for order in itertools.permutations(WHENS[:4]):
        rules = [AliasRule({f"m{n}": 1}, when) for n, when in enumerate(order)]
        taken = [one for one in tried(rules, ASKED) if one.is_taken]
        assert [next(iter(one.rule.models)) for one in taken] == [target_of(rules, ASKED, "s")]


def level(name, **fallbacks):
    return Applied(name, name, Policy(routing=Routing(fallbacks=fallbacks)))


def test_the_innermost_level_that_names_any_says_what_stands_in():
    levels = [level("organisation", m=("a",)), level("team", other=("b",)), level("key")]
    found = fallbacks_at(levels, "m", "m")
    assert (found[0].level, found[1]) == ("organisation", ("a",))
    assert fallbacks_at([*levels, level("key", alias=("c",))], "alias", "m")[1] == ("c",)
    assert fallbacks_at(levels, "x", "x") is None


def test_what_a_model_is_known_to_lack():
    entry = ModelEntry(context_window=100, capabilities=("tools",))

    def lacks(entry, tokens=1, tools=False, images=False):
        return lacking(entry, lambda: tokens, lambda: (tools, images))

    assert lacks(None, 10**9, True, True) is None
    assert lacks(entry, 101) == "context_window"
    assert lacks(entry, 100, tools=True) is None
    assert lacks(entry, images=True) == "images"
    assert lacks(msgspec.structs.replace(entry, capabilities=()), tools=True) == "tools"
    assert lacks(ModelEntry(), tools=True, images=True) is None


def test_every_text_can_be_filled_in():
    values = dict.fromkeys(
        ("provider", "level", "region", "model", "book", "most", "until", "open", "limit", "count",
         "priority", "weight", "scope", "dialect", "tokens"), "?",
    )  # fmt: skip
    for text in TEXTS.values():
        assert text.format(**values)
