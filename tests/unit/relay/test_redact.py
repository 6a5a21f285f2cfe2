"""The stage of redaction by itself, with a language model that says what a test wants."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest

from common.dialects import DIALECTS, OPERATIONS
from common.domain.content_rules import ContentRules
from common.domain.keys import KeyRecord
from common.domain.refusals import Reason, Refused
from common.redaction.found import Found
from common.redaction.model_findings import ModelUnavailable
from functions.relay.endpoints import ENDPOINTS
from functions.relay.open_request import OpenRequest
from functions.relay.stages import content_policy, redact
from functions.relay.stages.content import check
from functions.relay.stepping import in_steps
from tests.support.forms import form_of, part

ENDPOINT = next(one for one in ENDPOINTS if one.name == "chat.completions")
BOTH = {"PERSON": "mask", "EMAIL_ADDRESS": "mask"}


class Finder:
    """Finds each of the words wherever it stands, as surely as it was told."""

    def __init__(self, words=None, error=None):
        self.words, self.error, self.asked = words or {}, error, []

    async def find(self, texts, entities, tenant, language=None):
        self.asked.append((list(texts), entities, tenant))
        if self.error is not None:
            raise self.error
        return [
            sorted(
                Found(text.index(word), text.index(word) + len(word), entity, score)
                for word, (entity, score) in self.words.items()
                if word in text
            )
            for text in texts
        ]


def redacted(policy, text, finder=None):
    """The request as it goes on, its text, and what was known of it."""
    services = SimpleNamespace(placeholder_key=b"k" * 32, model_finder=finder)

    async def main():
        request = OpenRequest("r1", {"headers": []}, "127.0.0.1")
        request.key = KeyRecord(id="k1", user_id="ann", team_id="t1")
        request.endpoint, request.dialect = ENDPOINT, DIALECTS["openai"]
        request.operation = request.own_operation = OPERATIONS["chat.completions"]
        messages = [{"role": "user", "content": text}]
        request.body = json.dumps({"model": "m", "messages": messages}).encode()
        request.parsed = request.operation.parse_request(request.body)
        request.content = (ContentRules(redaction=policy),)
        await check(services, request)
        return request, json.loads(request.body)["messages"][0]["content"]

    return asyncio.run(main())


def test_nothing_of_a_request_without_findings_changes():
    request, text = redacted({"entities": BOTH, "tier": "model"}, "hello", Finder())
    assert (text, request.layers, request.redactions) == ("hello", (), 0)


def test_the_models_findings_are_replaced_with_those_of_patterns():
    finder = Finder({"Ann Lee": ("PERSON", 0.9)})
    policy = {"entities": BOTH, "tier": "model"}
    request, text = redacted(policy, "Ann Lee, ann.lee@x.com", finder)
    person, mail = text.split(", ")
    assert person.startswith("PERSON_")
    assert mail.startswith("EMAIL_ADDRESS_")
    assert finder.asked == [(["Ann Lee, ann.lee@x.com"], frozenset({"PERSON"}), "t1")]
    assert request.redactions == 2
    assert request.parsed.model == "m"
    (layer,) = request.layers
    answer = {"choices": [{"message": {"content": f"{person} has {mail}"}}]}
    whole = asyncio.run(layer.whole(json.dumps(answer).encode()))
    assert json.loads(whole)["choices"][0]["message"]["content"] == "Ann Lee has ann.lee@x.com"


@pytest.mark.parametrize(
    ("word", "found", "policy"),
    [
        ("Ann", ("PERSON", 0.4), {}),
        ("Ann", ("PERSON", 0.9), {"allow": ["ANN"]}),
        ("Ann", ("LOCATION", 0.9), {}),
        ("PERSON_7K3QX2MA", ("PERSON", 0.9), {}),
        ("REDACTED_EMAIL_ADDRESS", ("ORGANIZATION", 0.9), {"entities": {"ORGANIZATION": "mask"}}),
    ],
)
def test_what_the_model_finds_in_vain(word, found, policy):
    finder = Finder({word: found})
    request, text = redacted({"entities": BOTH, "tier": "model"} | policy, f"Hi {word}!", finder)
    assert (text, request.redactions) == (f"Hi {word}!", 0)
    assert len(finder.asked) == 1


def test_the_tier_of_patterns_asks_no_model():
    finder = Finder({"Ann": ("PERSON", 0.9)})
    _, text = redacted({"entities": {"CONTACT": "mask"}}, "Ann a@x.com", finder)
    assert text.startswith("Ann EMAIL_ADDRESS_")
    assert finder.asked == []


@pytest.mark.parametrize("finder", [None, Finder(error=ModelUnavailable("too slow"))])
def test_a_silent_model_refuses_unless_the_policy_says_otherwise(finder):
    policy = {"entities": BOTH, "tier": "model"}
    with pytest.raises(Refused) as refused:
        redacted(policy, "Ann a@x.com", finder)
    refusal = refused.value.refusal
    assert (refusal.reason, refusal.final) == (Reason.PII_UNAVAILABLE, False)
    _, text = redacted(policy | {"on_failure": "regex_only"}, "Ann a@x.com", finder)
    assert text.startswith("Ann EMAIL_ADDRESS_")
    request, text = redacted(policy | {"on_failure": "allow"}, "Ann a@x.com", finder)
    assert (text, request.redactions) == ("Ann a@x.com", 0)


def test_a_refusal_names_what_and_where_and_no_more_than_a_few():
    policy = {"entities": {"EMAIL_ADDRESS": "block", "PHONE_NUMBER": "block"}}
    with pytest.raises(Refused) as refused:
        redacted(policy, "a@x.com +1 415 555 0132")
    refusal = refused.value.refusal
    assert (refusal.reason, refusal.field) == (Reason.PII_BLOCKED, "messages[0].content")
    assert "EMAIL_ADDRESS in messages[0].content" in refusal.message
    assert "PHONE_NUMBER in messages[0].content" in refusal.message
    assert "a@x.com" not in refusal.message
    assert refusal.final


@pytest.mark.parametrize(
    "rules",
    [
        ContentRules(redaction={"entities": {"CONTACT": "mask"}}),
        ContentRules(content_policy={"input_characters_max": 100}),
        ContentRules(
            content_policy={"webhook": {"url": "https://guard.example.com/", "phases": ["input"]}}
        ),
    ],
)
def test_a_form_with_a_field_that_is_no_utf_8_is_refused(rules):
    form = form_of(
        part("model", b"whisper-1"),
        part("known_speaker_names[]", b"M\xfcller ann.lee@x.com"),
        part("file", b"\xff", "a.wav"),
    )

    async def main():
        headers = [(b"content-type", form.content_type.encode())]
        request = OpenRequest("r1", {"headers": headers}, "127.0.0.1")
        request.key = KeyRecord(id="k1", user_id="ann", team_id="t1")
        request.endpoint = next(one for one in ENDPOINTS if one.name == "audio.transcriptions")
        request.operation = request.own_operation = OPERATIONS["audio.transcriptions"]
        request.body, request.content = form.body, (rules,)
        request.parsed = request.operation.parse_request(form.body, form.content_type)
        await check(SimpleNamespace(placeholder_key=b"k" * 32, model_finder=None), request)

    with pytest.raises(Refused) as refused:
        asyncio.run(main())
    assert refused.value.refusal.reason is Reason.INVALID_REQUEST
    assert refused.value.refusal.field == "known_speaker_names[]"


def test_a_policy_is_made_ready_once(monkeypatch):
    made = []
    monkeypatch.setattr(redact, "_engine", lambda policy: made.append(policy) or policy)
    rules = ContentRules(redaction={"entities": {}})

    async def thrice():
        first, second = await asyncio.gather(redact.engine_of(rules), redact.engine_of(rules))
        return first is second is await redact.engine_of(rules)

    assert asyncio.run(thrice())
    assert len(made) == 1


def test_content_policies_are_made_ready_once_beside_the_loop(monkeypatch):
    made = []

    def guard_of(saying):
        if len(made) > 2:
            raise ValueError("broken")
        made.append(threading.current_thread())
        return object()

    monkeypatch.setattr(content_policy, "_guard_of", guard_of)
    key, team, other = (
        ContentRules(content_policy={"input_characters_max": most}) for most in (1, 2, 3)
    )

    async def main():
        asked = [(key, team), (key, team), (key, other), (key, team), (team,)]
        guards = await asyncio.gather(*map(content_policy.guard_for, asked))
        assert guards[0] is guards[1] is guards[3] is await content_policy.guard_for((key, team))
        assert guards[2] is not guards[0]
        for _ in range(2):  # what failed is tried again
            with pytest.raises(ValueError, match="broken"):
                await content_policy.guard_for((other,))

    asyncio.run(main())
    assert len(made) == 3
    assert threading.main_thread() not in made


def test_others_have_their_turn_while_long_work_goes_on(monkeypatch):
    monkeypatch.setattr("functions.relay.stepping.SLICE_NS", 0)
    turns = []

    def work():
        for step in range(3):
            turns.append(step)
            yield
        return "done"

    async def other():
        turns.append("other")

    async def main():
        task = asyncio.create_task(other())
        result = await in_steps(work())
        await task
        return result

    assert asyncio.run(main()) == "done"
    assert turns.index("other") < turns.index(2)
