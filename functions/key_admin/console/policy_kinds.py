"""The forms of policies: redaction, content policy, response cache. Pure.

A form says in one field of its own whether a level says anything (`redaction.says`); a pattern of
one's own has its action beside it, which the API has among `entities`.
"""

from typing import Any, get_args

from common.domain.content_policy import PATTERNS_MAX, OnFailure, Streams, Verdict, Where
from common.domain.response_cache import Mode
from common.redaction.entities import GROUPS, MODEL_ENTITIES
from common.redaction.policy import CUSTOM_MAX, STRENGTHS, Action, FailMode, Tier
from functions.key_admin.console.editing import Kind
from functions.key_admin.console.forms import Input
from functions.key_admin.console.forms import Kind as InputKind

# Rows that are shown beyond those that are filled in.
BLANK_ROWS = 2
_Members = dict[str, Any]
_WEBHOOK = ("url", "judges", "on_failure", "streams")


def _redaction_body(given: _Members) -> _Members:
    rules = dict(given.get("redaction", {}))
    match rules.pop("says", ""):
        case "off":
            return {"redaction": {"entities": {}}}
        case "rules":
            pass
        case _:
            return {}
    entities = dict(rules.pop("entities", {}))
    custom = []
    for row in rules.pop("custom", []):
        action = row.pop("action", "mask")
        if not row.get("entity") and not row.get("pattern"):
            continue
        custom.append(row)
        if row.get("entity"):
            # Of two patterns of one entity the stricter action, as of two groups.
            one = entities.get(row["entity"])
            entities[row["entity"]] = max(one or action, action, key=lambda a: STRENGTHS.get(a, 0))
    # Nothing chosen is no wish to redact nothing: the API asks for what is missing.
    rules |= {"entities": entities} if entities else {}
    return {"redaction": rules | ({"custom": custom} if custom else {})}


def _redaction_form(thing: _Members) -> _Members:
    rules = thing.get("redaction")
    if rules is None:
        return {"redaction": {"says": ""}}
    entities = rules.get("entities")
    if entities == {}:
        return {"redaction": {"says": "off"}}
    left = dict(entities or {})
    own = {row.get("entity", "") for row in rules.get("custom") or []}
    custom = [
        row | {"action": left.get(row.get("entity", ""), "mask")}
        for row in rules.get("custom") or []
    ]
    left = {name: action for name, action in left.items() if name not in own}
    return {"redaction": rules | {"says": "rules", "entities": left, "custom": custom}}


def _content_policy_body(given: _Members) -> _Members:
    policy = dict(given.get("content_policy", {}))
    rows = [one for one in policy.pop("patterns", []) if one.get("name") or one.get("pattern")]
    webhook = dict(policy.pop("webhook", {}))
    judges = webhook.pop("judges", "input")
    if webhook.get("url"):
        phases = ["input", "output"] if judges == "both" else [judges]
        policy["webhook"] = webhook | {"phases": phases}
    policy |= {"patterns": rows} if rows else {}
    return {"content_policy": policy} if policy else {}


def _content_policy_form(thing: _Members) -> _Members:
    policy = dict(thing.get("content_policy") or {})
    webhook = dict(policy.get("webhook") or {})
    phases = webhook.pop("phases", [])
    if phases:
        webhook["judges"] = "both" if len(phases) > 1 else phases[0]
    return {"content_policy": policy | {"webhook": webhook}}


def _cache_body(given: _Members) -> _Members:
    policy = given.get("response_cache", {})
    return {"response_cache": policy} if policy.get("mode") else {}


def _rows(path: str, most: int, kinds: dict[str, InputKind]) -> list[Input]:
    """The fields of a list of objects."""
    return [Input(f"{path}[{row}].{name}", kinds[name]) for row in range(most) for name in kinds]


REDACTION = Kind(
    fields=(
        Input("redaction.says"),
        *(Input(f"redaction.entities.{name}") for name in sorted(GROUPS)),
        *(
            Input(f"redaction.entities.{name}")
            for group in sorted(GROUPS)
            for name in sorted(GROUPS[group])
        ),
        *(Input(f"redaction.entities.{name}") for name in sorted(MODEL_ENTITIES)),
        Input("redaction.tier"),
        Input("redaction.on_failure"),
        *_rows(
            "redaction.custom",
            CUSTOM_MAX,
            {"entity": "text", "pattern": "verbatim", "action": "text", "score": "number"},
        ),
        Input("redaction.allow", "texts"),
        Input("redaction.threshold", "number"),
        Input("redaction.regions", "lines"),
        Input("redaction.output", "flag"),
    ),
    nothing={},
    to_body=_redaction_body,
    to_form=_redaction_form,
)
CONTENT_POLICY = Kind(
    fields=(
        Input("content_policy.input_characters_max", "integer"),
        *_rows(
            "content_policy.patterns",
            PATTERNS_MAX,
            {"name": "text", "pattern": "verbatim", "verdict": "text", "where": "text"},
        ),
        *(Input(f"content_policy.webhook.{name}") for name in _WEBHOOK),
        Input("content_policy.webhook.timeout_ms", "integer"),
    ),
    nothing={},
    to_body=_content_policy_body,
    to_form=_content_policy_form,
)
RESPONSE_CACHE = Kind(
    fields=(
        Input("response_cache.mode"),
        Input("response_cache.ttl_s", "integer"),
        Input("response_cache.ttl_s_max", "integer"),
    ),
    nothing={},
    to_body=_cache_body,
)
# By the last part of their addresses.
KINDS = {
    "redaction": REDACTION,
    "content-policy": CONTENT_POLICY,
    "response-cache": RESPONSE_CACHE,
}
# What the templates of these forms need.
CHOICES: dict[str, Any] = {
    "groups": {name: sorted(GROUPS[name]) for name in sorted(GROUPS)},
    "model_entities": sorted(MODEL_ENTITIES),
    "actions": get_args(Action),
    "tiers": get_args(Tier),
    "fail_modes": get_args(FailMode),
    "verdicts": get_args(Verdict),
    "places": get_args(Where),
    "webhook_failures": get_args(OnFailure),
    "streams": get_args(Streams),
    "modes": get_args(Mode),
}


def rows_shown(values: dict[str, str], path: str, most: int) -> int:
    """How many rows of a list a form shows: those that are filled in, and some blank ones."""
    filled = [
        int(name.removeprefix(f"{path}[").partition("]")[0])
        for name, text in values.items()
        if text and name.startswith(f"{path}[")
    ]
    return min(max(filled, default=-1) + 1 + BLANK_ROWS, most)
