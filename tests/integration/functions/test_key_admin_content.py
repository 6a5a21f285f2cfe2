"""Rules of content over HTTP: kept, projected as far as a relay's snapshot, tried on a text."""

import pytest

from common.domain.admission import Stale
from common.domain.content_rules import ContentRules, content_policies_of, redaction_of
from common.domain.keys import hash_key
from common.keyring import Keyring
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from functions.relay.snapshots import Snapshots
from tests.support.admin_checks import UNKNOWN, assert_nowhere, fields, kept, problem, trail
from tests.support.key_admin import KEYS, SILENT, new_address

ORGANISATION, TEAMS, TRY = "/internal/organisation", "/internal/teams", "/internal/redaction/try"
HOLD = "/internal/content-rules"
SECRETS = {"entities": {"SECRETS": "block"}}
CONTACT = {"entities": {"CONTACT": "mask"}, "allow": ["help@example.org"], "output": True}
CUSTOM = {"entities": {"TICKET": "redact"},
          "custom": [{"entity": "TICKET", "pattern": "TCK-[0-9]+"}]}  # fmt: skip
# As they are answered.
DEFAULTS = {
    "entities": {}, "tier": "patterns", "on_failure": "deny", "allow": [], "threshold": 0.5,
    "custom": [], "regions": ["US"], "output": False,
}  # fmt: skip
WHOLE_CUSTOM = DEFAULTS | CUSTOM | {"custom": [{**CUSTOM["custom"][0], "score": 0.95}]}
PATTERNS = {"patterns": [{"name": "codename", "pattern": "(?i)bluebird", "verdict": "flag"}]}
SIZE = {"input_characters_max": 20}
CACHE = {"mode": "opt_in", "ttl_s": 60}
RULES = {"redaction": CONTACT, "content_policy": PATTERNS, "response_cache": CACHE}
SHOWN = {
    "redaction": DEFAULTS | CONTACT,
    "content_policy": {
        "input_characters_max": None, "webhook": None,
        "patterns": [PATTERNS["patterns"][0] | {"where": "both"}],
    },
    "response_cache": {"ttl_s_max": 86400} | CACHE,
}  # fmt: skip


def of(answer):
    """The rules of an answer."""
    found = answer.json() if hasattr(answer, "json") else answer
    return {name: found[name] for name in SILENT}


def a_key(key_admin, **members):
    made = key_admin.create(**members)
    return made, f"{KEYS}/{made.json()['id']}", made.json()["id"]


def a_team(key_admin, **members):
    made = key_admin.call("POST", TEAMS, json={"name": new_address()} | members)
    return made, f"{TEAMS}/{made.json()['id']}", made.json()["id"]


def the_organisation(key_admin, **members):
    changed = key_admin.call("PATCH", ORGANISATION, json=members or SILENT)
    return changed, ORGANISATION, "organisation"


@pytest.fixture(autouse=True)
def _silent_organisation(key_admin):
    yield
    assert the_organisation(key_admin)[0].status_code == 200


LEVELS = [a_key, a_team, the_organisation]


@pytest.mark.parametrize("make", LEVELS)
def test_a_level_says_something_changes_and_is_silent_again(key_admin, make):
    made, path, subject = make(key_admin, **RULES)
    assert made.status_code in (200, 201), made.text
    assert of(made) == of(key_admin.get(path)) == SHOWN
    changed = key_admin.call("PATCH", path, json={"redaction": CUSTOM, "response_cache": None})
    after = SHOWN | {"redaction": WHOLE_CUSTOM, "response_cache": None}
    assert of(changed) == of(key_admin.get(path)) == after
    before = key_admin.get(path)
    # What is so already changes nothing.
    again = key_admin.call("PATCH", path, json={"redaction": CUSTOM, "content_policy": PATTERNS})
    assert (again.json(), again.headers["etag"]) == (before.json(), before.headers["etag"])
    stale = {"if-match": made.headers["etag"]}
    assert key_admin.call("PATCH", path, json=SILENT, headers=stale).status_code == 412
    silent = key_admin.call("PATCH", path, json=SILENT)
    assert of(silent) == of(key_admin.get(path)) == SILENT
    changes = [(of(was), of(now)) for _, was, now in trail(key_admin, subject) if was is not None]
    assert changes[-2:] == [(SHOWN, after), (after, SILENT)]


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("redaction", {"entities": {"FOO": "mask"}}, "redaction.entities.FOO"),
        ("redaction", {"entities": {"EMAIL_ADDRESS": "eat"}}, "redaction.entities.EMAIL_ADDRESS"),
        ("redaction", {"entities": {"PERSON": "mask"}}, "redaction.entities.PERSON"),
        ("redaction", {}, "redaction.entities"),
        ("redaction", {"entities": {}, "colour": 1}, "redaction.colour"),
        ("redaction", {"entities": {}, "threshold": 2}, "redaction.threshold"),
        ("redaction", {"entities": {"PHONE_NUMBER": "mask"}, "regions": ["ZZ"]},
         "redaction.regions"),
        ("redaction", {"entities": {"A": "mask"}, "custom": [{"entity": "A", "pattern": "(?<=a)"}]},
         "redaction.custom[0].pattern"),
        ("content_policy", {}, "content_policy"),
        ("content_policy", {"input_characters_max": 0}, "content_policy.input_characters_max"),
        ("content_policy", {"patterns": [{"name": "a", "pattern": "(", "verdict": "block"}]},
         "content_policy.patterns[0].pattern"),
        ("content_policy", {"webhook": {"url": "http://169.254.169.254/"}},
         "content_policy.webhook.url"),
        ("response_cache", {}, "response_cache.mode"),
        ("response_cache", {"mode": "on", "ttl_s": 90_000}, "response_cache.ttl_s"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_at_every_level(key_admin, member, value, field):
    _, key, _ = a_key(key_admin)
    _, team, _ = a_team(key_admin)
    before = kept(key_admin, "api_keys", "teams", "organisation", "audit")
    for path in (key, team, ORGANISATION):
        assert fields(key_admin.call("PATCH", path, json={member: value})) == [field]
    assert fields(key_admin.create(**{member: value})) == [field]
    posted = key_admin.call("POST", TEAMS, json={"name": "a", member: value})
    assert fields(posted) == [field]
    assert kept(key_admin, "api_keys", "teams", "organisation", "audit") == before


def test_only_an_admin_says_which_service_sees_what_is_asked(key_admin):
    token = key_admin.call(
        "POST", "/internal/service-accounts", json={"name": new_address(), "role": "operator"}
    ).json()["token"]

    def operator(method, path, **body):
        return key_admin.call(method, path, authorization=f"Bearer {token}", json=body)

    def policy(address, **members):
        return {"content_policy": {"webhook": {"url": address} | members}}

    ours, other = "https://ours.example/judge", "https://other.example/judge"
    field = "content_policy.webhook.url"
    tables = ("api_keys", "teams", "audit")
    _, key, key_id = a_key(key_admin, **policy(ours))
    _, team, _ = a_team(key_admin, **policy(ours))
    before = kept(key_admin, *tables)
    bulk = f"{KEYS}/bulk"
    for refused, named in [
        *[(operator("PATCH", path, **policy(other)), field) for path in (key, team)],
        (operator("POST", KEYS, name="a", **policy(ours)), field),
        (operator("POST", TEAMS, name=new_address(), **policy(ours)), field),
        (operator("POST", bulk, keys=[{"name": "a"}, {"name": "b"} | policy(ours)]),
         f"keys[1].{field}"),
        (operator("PATCH", bulk, ids=[key_id], set=policy(other)), f"set.{field}"),
        (operator("PATCH", bulk, ids=[key_id], set=policy(other), dry_run=True), f"set.{field}"),
    ]:  # fmt: skip
        assert refused.status_code == 403, refused.text
        assert [one["field"] for one in refused.json()["errors"]] == [named]
        assert named in refused.json()["detail"]
    assert kept(key_admin, *tables) == before
    for path in (key, team):
        later = operator("PATCH", path, **policy(ours, timeout_ms=500)).json()
        assert later["content_policy"]["webhook"]["timeout_ms"] == 500
        assert operator("PATCH", path, content_policy=None).json()["content_policy"] is None
        assert operator("PATCH", path, **policy(ours)).status_code == 403


def test_users_say_nothing_of_content(key_admin):
    posted = key_admin.call("POST", "/internal/users", json={"id": "u", "redaction": CONTACT})
    assert fields(posted) == ["redaction"]


class Relay:
    """What a relay knows of a key: its snapshot, renewed when Redis says that it is old."""

    def __init__(self, key_admin, key: str) -> None:
        self._url, self._hash = key_admin.redis_url, hash_key(key)
        self.snapshots = Snapshots((), Keyring("", "a secret of the tests, 32 characters"))

    async def rules(self) -> tuple[ContentRules, ...]:
        """What the next request is served by."""
        commands = RedisPyCommands.from_url(self._url)
        try:
            answer = await Admission(commands, "{relay}").verify(self._hash, address="::1")
        finally:
            await commands.close()
        assert isinstance(answer, Stale)
        known = self.snapshots.key(self._hash)
        if known is None or known.versions != answer.versions:
            known = self.snapshots.update(self._hash, answer)
        return known.content


async def test_what_is_said_holds_on_a_relays_next_request(key_admin):
    _, team, team_id = a_team(key_admin, redaction=SECRETS)
    made, key, _ = a_key(key_admin, team_id=team_id)
    relay = Relay(key_admin, made.json()["key"])
    assert await relay.rules() == (ContentRules(redaction=stored(SECRETS)),)
    key_admin.call("PATCH", key, json={"redaction": {"entities": {}}, "content_policy": SIZE})
    key_admin.call("PATCH", ORGANISATION, json={"content_policy": PATTERNS})
    levels = await relay.rules()
    assert [bool(one.redaction) for one in levels] == [True, True, False]
    # The nearest level's redaction holds, and everybody's content policy.
    holds = redaction_of(levels)
    assert holds is not None
    assert holds.redaction is not None
    assert "entities" not in holds.redaction
    assert [one.content_policy for one in content_policies_of(levels)] == [SIZE, stored_patterns()]
    key_admin.call("PATCH", key, json={"redaction": None, "content_policy": None})
    key_admin.call("PATCH", ORGANISATION, json=SILENT)
    assert await relay.rules() == (ContentRules(redaction=stored(SECRETS)),)
    key_admin.call("PATCH", team, json={"redaction": None})
    assert await relay.rules() == ()
    other = Relay(key_admin, made.json()["key"])
    with key_admin.redis() as connection:
        connection.flushdb()
    # Whoever changes something then rebuilds it all.
    key_admin.call("PATCH", ORGANISATION, json={"redaction": SECRETS})
    assert await other.rules() == (ContentRules(redaction=stored(SECRETS)),)


def stored(redaction):
    """With what a policy has of its own."""
    return {"threshold": 0.5, "regions": ["US"]} | redaction


def stored_patterns():
    return PATTERNS


@pytest.mark.parametrize("make", LEVELS)
def test_stricter_rules_are_not_answered_before_redis_has_them(key_admin, redis_server, make):
    _, path, _ = make(key_admin, name="a") if make is a_key else make(key_admin)
    redis_server.stop()
    try:
        assert key_admin.call("PATCH", path, json={"redaction": SECRETS}).status_code == 503
    finally:
        redis_server.start()
    assert of(key_admin.get(path)) == SILENT


TEXT = "write to ann@example.com or help@example.org about TCK-17 and BlueBird"


def tried(key_admin, **body):
    answer = key_admin.call("POST", TRY, json={"text": TEXT} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rules_are_tried_on_a_text(key_admin):
    answer = tried(key_admin, policy=CONTACT, content_policy=PATTERNS)
    (found,) = answer["findings"]
    assert TEXT[found["start"] : found["end"]] == "ann@example.com"
    assert (found["entity"], found["action"]) == ("EMAIL_ADDRESS", "mask")
    placeholder = answer["redacted_text"][9:].split(" ")[0]
    assert placeholder.startswith("EMAIL_ADDRESS_")
    assert answer["redacted_text"] == TEXT.replace("ann@example.com", placeholder)
    assert answer["verdicts"] == [
        {"by": "content_policy", "rule": "codename", "verdict": "flag", "where": "both"}
    ]
    assert answer["model"] == "not_needed"
    # Made up, so that nobody finds out by it what stands behind a tenant's.
    assert tried(key_admin, policy=CONTACT)["redacted_text"] != answer["redacted_text"]
    redacted = tried(key_admin, policy=CUSTOM)["redacted_text"]
    assert redacted == TEXT.replace("TCK-17", "REDACTED_TICKET")


def test_what_would_be_refused_is_told_and_not_shown(key_admin):
    blocking = {"entities": {"CONTACT": "block"}}
    answer = tried(key_admin, policy=blocking, content_policy=SIZE)
    assert answer["redacted_text"] is None
    assert {(one["by"], one["rule"]) for one in answer["verdicts"]} == {
        ("redaction", "EMAIL_ADDRESS"), ("content_policy", "input_characters_max"),
    }  # fmt: skip
    assert len(answer["findings"]) == 2
    # Of answers alone: a request goes on.
    output = {"patterns": [PATTERNS["patterns"][0] | {"where": "output", "verdict": "block"}]}
    assert tried(key_admin, content_policy=output)["redacted_text"] == TEXT


def test_without_a_model_the_patterns_are_what_is_told(key_admin):
    model = {"entities": {"PERSON": "mask", "CONTACT": "mask"}, "tier": "model"}
    answer = tried(key_admin, policy=model)
    assert (answer["model"], len(answer["findings"])) == ("not_asked", 2)


def test_the_rules_of_a_key_are_tried(key_admin):
    _, _, team_id = a_team(key_admin, redaction=CONTACT, content_policy=PATTERNS)
    made = key_admin.created(team_id=team_id, content_policy=SIZE)
    answer = tried(key_admin, key_id=made["id"])
    assert [one["rule"] for one in answer["verdicts"]] == ["input_characters_max", "codename"]
    assert [one["entity"] for one in answer["findings"]] == ["EMAIL_ADDRESS"]
    alone = key_admin.created()
    nothing = tried(key_admin, key_id=alone["id"])
    assert (nothing["findings"], nothing["redacted_text"]) == ([], TEXT)
    problem(key_admin.call("POST", TRY, json={"text": "a", "key_id": UNKNOWN}), 404)


def test_the_rules_of_a_team_and_of_everybody_are_tried(key_admin):
    _, _, team_id = a_team(key_admin, content_policy=SIZE)
    the_organisation(key_admin, redaction=CONTACT, content_policy=PATTERNS)
    of_team = tried(key_admin, team_id=team_id)
    assert [one["rule"] for one in of_team["verdicts"]] == ["input_characters_max", "codename"]
    of_all = tried(key_admin, organisation=True)
    assert [one["rule"] for one in of_all["verdicts"]] == ["codename"]
    assert [len(one["findings"]) for one in (of_team, of_all)] == [1, 1]
    problem(key_admin.call("POST", TRY, json={"text": "a", "team_id": UNKNOWN}), 404)


def test_which_rules_hold_and_who_says_them(key_admin):
    made, _, team_id = a_team(key_admin, redaction=CONTACT, content_policy=PATTERNS)
    the_organisation(key_admin, redaction=SECRETS, content_policy=SIZE)
    key_id = key_admin.created(team_id=team_id, response_cache=CACHE)["id"]
    rules = key_admin.get(HOLD, key_id=key_id).json()
    said = [(one["level"], one["id"], one["redaction"] is None) for one in rules["levels"]]
    assert said == [("key", key_id, True), ("team", team_id, False),
                    ("organisation", "organisation", False)]  # fmt: skip
    holds = [rules[name] for name in ("redaction", "content_policy", "response_cache")]
    assert holds == ["team", ["team", "organisation"], "key"]
    assert of(rules["levels"][1]) == SHOWN | {"response_cache": None}
    assert rules["levels"][1]["name"] == made.json()["name"]
    assert key_admin.get(HOLD, team_id=team_id).json()["response_cache"] is None
    assert key_admin.get(HOLD).json()["redaction"] == "organisation"
    problem(key_admin.call("GET", f"{HOLD}?team_id={UNKNOWN}"), 404)
    assert fields(key_admin.call("GET", f"{HOLD}?team_id={team_id}&key_id={key_id}")) == ["query"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "a"}, "body"), ({"policy": CONTACT}, "text"),
        ({"text": "a", "policy": CONTACT, "key_id": UNKNOWN}, "body"),
        ({"text": "a", "team_id": UNKNOWN, "organisation": True}, "body"),
        ({"text": "a", "policy": {"entities": {"FOO": "mask"}}}, "policy.entities.FOO"),
        ({"text": "a" * 200_001, "policy": CONTACT}, "text"),
    ],
)  # fmt: skip
def test_a_wrong_trial_is_named(key_admin, body, field):
    assert fields(key_admin.call("POST", TRY, json=body)) == [field]


def test_a_text_that_is_tried_is_kept_nowhere(key_admin):
    marks = ("zoe.nowhere@example.com", "the quiet sentence around it")
    text = f"{marks[0]} {marks[1]}"
    tried(key_admin, text=text, policy={"entities": {"CONTACT": "block"}})
    wrong = key_admin.call("POST", TRY, json={"text": text, "policy": {"entities": {text: "mask"}}})
    assert wrong.status_code == 422
    assert_nowhere(key_admin, *marks)
