"""Streams under a content policy: what is sent, and when."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import ParsedRequest
from common.domain.content_policy import ContentPattern, ContentPolicy, Webhook
from common.domain.refusals import Reason, Refused
from common.guardrails.policies import guard_of
from common.guardrails.webhooks import Judged, NoVerdict
from functions.relay import verdicts
from functions.relay.output_checks import OutputChecks
from tests.support.splits import splits

PATTERNS = (
    ContentPattern("word", r"\bab\b", "block"),
    ContentPattern("part", "bca", "block"),
    ContentPattern("end", "cc$", "block"),
    ContentPattern("seen", "c", "flag"),
)
ENDPOINT = SimpleNamespace(name="chat.completions")
WEBHOOK = Webhook("https://guard.example.com/", ("output",))


def chat_stream(text, *, done=True):
    deltas = [{"content": character} for character in text]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if done:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks]
    return b"".join([*events, b"data: [DONE]\n\n"] if done else events)


def text_of(sent):
    chunks = [json.loads(line[6:]) for line in sent.split(b"\n\n") if line.startswith(b"data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def begun(*, patterns=(), webhook=None):
    request = SimpleNamespace(
        id="id", key=None, endpoint=ENDPOINT, dialect=DIALECTS["openai"], content_flags=(),
        before_end=None, on_served=None,
    )  # fmt: skip
    guard = guard_of([ContentPolicy(patterns=patterns, webhook=webhook)])
    layer = OutputChecks(SimpleNamespace(), request, guard)
    operation = layer.around(OPERATIONS["chat.completions"])
    return request, operation.stream_copy(ParsedRequest("m", stream=True))


def blocking(text):
    return [
        one.name for one in guard_of([ContentPolicy(patterns=PATTERNS)]).output_patterns
        if one.verdict == "block" and one.regex.search(text.encode()) is not None
    ]  # fmt: skip


@given(st.text("abc ", max_size=20), st.data())
def test_what_is_blocked_is_never_sent_to_its_end_and_all_else_is(text, drawn):
    stream = chat_stream(text)
    request, copy = begun(patterns=PATTERNS)
    sent, refused = b"", None
    try:
        for chunk in drawn.draw(splits(stream)):
            sent += copy.feed(chunk)
        sent += copy.end()
    except Refused as error:
        refused = error.refusal
    passed = sent.replace(DIALECTS["openai"].keep_alive, b"")
    assert stream.startswith(passed)
    if blocking(text):
        assert refused is not None
        assert refused.reason is Reason.CONTENT_BLOCKED
        # Nobody who goes on reading what was sent as if it were all reads what is blocked.
        assert blocking(text_of(passed)) == []
        assert not copy.saw_terminal
    else:
        assert refused is None
        assert passed == stream
        assert copy.saw_terminal
        assert request.content_flags == (("seen",) if "c" in text else ())


def test_an_event_waits_only_while_it_might_be_the_last_of_a_match():
    _, copy = begun(patterns=PATTERNS)
    first, second, third = (chat_stream(one, done=False) for one in ("x ", "ab", "c"))
    assert copy.feed(first) == first
    assert text_of(copy.feed(second)) == "a"
    assert text_of(copy.feed(third)) == "bc"


def asked(monkeypatch, answer):
    """What the webhook is asked from here on; it answers so."""
    seen = []

    async def judge(_services, _request, webhook, phase, texts):
        seen.append((webhook, phase, [one.text for one in texts]))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("functions.relay.guardrail.judge", judge)
    return seen


async def test_a_stream_is_held_until_its_verdict(monkeypatch):
    seen = asked(monkeypatch, Judged("flag", "", "tone"))
    request, copy = begun(webhook=WEBHOOK)
    stream = chat_stream("hello")
    half = len(stream) // 2
    assert copy.feed(stream[:half]) == DIALECTS["openai"].keep_alive
    assert copy.feed(stream[half:]) == b""
    assert not copy.saw_terminal
    await request.before_end()
    assert copy.end() == stream
    assert copy.saw_terminal
    assert seen == [(WEBHOOK, "output", ["hello"])]
    assert request.content_flags == ("tone",)


async def test_nothing_of_a_stream_that_is_blocked_is_sent(monkeypatch):
    asked(monkeypatch, Judged("block", "too rude", ""))
    request, copy = begun(webhook=WEBHOOK)
    assert copy.feed(chat_stream("hello")) == DIALECTS["openai"].keep_alive
    with pytest.raises(Refused, match="too rude"):
        await request.before_end()
    assert not copy.saw_terminal
    assert copy.rest() == b""


@pytest.mark.parametrize("on_failure", ["block", "allow"])
async def test_the_fail_mode_holds_for_streams(monkeypatch, on_failure):
    asked(monkeypatch, NoVerdict("down"))
    webhook = Webhook("https://guard.example.com/", ("output",), on_failure=on_failure)
    request, copy = begun(webhook=webhook)
    stream = chat_stream("hello")
    copy.feed(stream)
    if on_failure == "allow":
        await request.before_end()
        assert copy.end() == stream
        assert request.content_flags == ("unjudged",)
    else:
        with pytest.raises(Refused) as refused:
            await request.before_end()
        assert refused.value.refusal.reason is Reason.GUARDRAIL_UNAVAILABLE


async def test_a_stream_that_is_judged_at_its_end_lacks_only_that(monkeypatch):
    asked(monkeypatch, Judged("allow", "", ""))
    webhook = Webhook("https://guard.example.com/", ("output",), streams="end")
    request, copy = begun(webhook=webhook)
    text, stream = chat_stream("hello", done=False), chat_stream("hello")
    assert copy.feed(text) == text
    assert copy.feed(stream[len(text) :]) == b""
    assert not copy.saw_terminal
    await request.before_end()
    assert text + copy.end() == stream


async def test_what_a_provider_breaks_off_is_not_judged_nor_sent(monkeypatch):
    seen = asked(monkeypatch, Judged("allow", "", ""))
    request, copy = begun(webhook=WEBHOOK)
    error = b'data: {"error": {"message": "broken"}}\n\n'
    copy.feed(chat_stream("hello", done=False) + error)
    assert copy.saw_error
    await request.before_end()
    assert copy.end() == b""
    # So that the caller is told that it broke off.
    assert not copy.saw_error
    assert seen == []


async def test_more_than_a_whole_answer_is_not_held(monkeypatch):
    monkeypatch.setattr("functions.relay.output_checks.RESPONSE_BYTES_MAX", 300)
    _, copy = begun(webhook=WEBHOOK)
    with pytest.raises(Refused) as refused:
        copy.feed(chat_stream("hello hello"))
    assert refused.value.refusal.reason is Reason.GUARDRAIL_UNAVAILABLE


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("embeddings", b'{"data": [{"embedding": [0.5]}]}'),
        ("batches", b'{"id": "batch_1", "status": "validating"}'),
        ("responses", b'{"status": "queued", "reasoning": {"effort": "high"}, "output": []}'),
    ],
)
async def test_no_verdict_is_asked_for_where_there_is_no_text(monkeypatch, name, body):
    """A webhook that is down must not refuse a job that has begun: nobody would see its end."""
    asked(monkeypatch, NoVerdict("down"))
    endpoint = SimpleNamespace(name=name)
    request = SimpleNamespace(
        id="id", key=None, endpoint=endpoint, content_flags=(), on_served=None
    )
    layer = OutputChecks(SimpleNamespace(), request, guard_of([ContentPolicy(webhook=WEBHOOK)]))
    assert await layer.whole(body) == body


async def test_a_long_text_is_for_the_fail_mode(monkeypatch):
    seen = asked(monkeypatch, Judged("allow", "", ""))
    request = SimpleNamespace(id="id", key=None, endpoint=ENDPOINT, content_flags=())
    with pytest.raises(Refused):
        await verdicts.ask(None, request, [WEBHOOK], "output", [], too_long=True)
    assert seen == []
