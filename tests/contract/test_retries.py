"""The SDKs' own retries: each attempt that was admitted is on record, and none of them twice."""

import time

import anthropic
import openai
import pytest

from common.domain.ids import ulid_to_uuid

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello my world"}]}
MESSAGE = {**CHAT, "model": "claude-haiku-4-5", "max_tokens": 50}
MP3 = ("talk.mp3", b"\xff\xfb" * 4000, "audio/mpeg")
OPENAI_CALLS = {
    "chat": lambda client: client.chat.completions.create(**CHAT),
    "chat streamed": lambda client: list(client.chat.completions.create(**CHAT, stream=True)),
    "responses": lambda client: client.responses.create(model="gpt-4o-mini", input="a b"),
    "embeddings": lambda client: client.embeddings.create(
        model="text-embedding-3-small", input="a b"
    ),
    "images": lambda client: client.images.generate(model="gpt-image-1", prompt="a b"),
    "speech": lambda client: client.audio.speech.create(model="tts-1", voice="alloy", input="a b"),
    "transcriptions": lambda client: client.audio.transcriptions.create(
        model="whisper-1", file=MP3
    ),
}
ANTHROPIC_CALLS = {
    "messages": lambda client: client.messages.create(**MESSAGE),
    "messages streamed": lambda client: list(client.messages.create(**MESSAGE, stream=True)),
    "count_tokens": lambda client: client.messages.count_tokens(
        model=MESSAGE["model"], messages=MESSAGE["messages"]
    ),
}
CALLS = OPENAI_CALLS | ANTHROPIC_CALLS


@pytest.fixture
def own(stack):
    """A client with a key of its own, and the records of that key once all are settled."""

    def client_of(call, retries, fault):
        key = stack.create_key(f"retries of {call}")
        headers = {"x-echo-fault": fault}
        given = {"api_key": key, "max_retries": retries, "default_headers": headers}
        if call in ANTHROPIC_CALLS:
            return key, anthropic.Anthropic(base_url=stack.url, **given)
        return key, openai.OpenAI(base_url=f"{stack.url}/v1", **given)

    return client_of


def statuses_of(stack, key, echo):
    """What the ledger has of a key, oldest first, by the ids that the provider saw."""
    keys = stack.admin("/internal/api-keys", limit="500")["items"]
    (key_id,) = [one["id"] for one in keys if key.startswith(one["key_prefix"])]
    stack.wait_until_settled()
    rows = [row for row in stack.ledger() if row["key_id"] == ulid_to_uuid(key_id)]
    seen = [ulid_to_uuid(one["request_id"]) for one in echo.get("/requests").json()["requests"]]
    assert [row["id"] for row in rows] == seen
    return [row["status"] for row in rows]


def retries_seen(echo):
    """`x-stainless-retry-count` of the last attempt."""
    return echo.get("/last").json()["headers"]["x-stainless-retry-count"]


@pytest.mark.parametrize("call", CALLS)
def test_an_attempt_that_failed_and_the_one_after_it(stack, echo, own, call):
    key, client = own(call, 2, "status=500,times=1")
    with client:
        CALLS[call](client)
    assert retries_seen(echo) == "1"
    assert statuses_of(stack, key, echo) == ["error", "ok"]


def test_each_attempt_is_a_request_of_its_own(stack, echo, own):
    key, client = own("chat", 3, "status=503,times=2")
    with client:
        answer = client.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content == "hello my world"
    assert retries_seen(echo) == "2"
    assert statuses_of(stack, key, echo) == ["error", "error", "ok"]


@pytest.mark.parametrize("call", ["responses", "messages"])
def test_when_all_attempts_fail_the_last_is_raised(stack, echo, own, call):
    key, client = own(call, 1, "status=500")
    with client, pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
        CALLS[call](client)
    assert statuses_of(stack, key, echo) == ["error", "error"]


@pytest.mark.parametrize("fault", ["status=400", "status=401", "status=422"])
def test_what_a_repetition_cannot_cure_is_not_repeated(stack, echo, own, fault):
    key, client = own("embeddings", 5, fault)
    with client, pytest.raises(openai.APIStatusError):
        CALLS["embeddings"](client)
    assert retries_seen(echo) == "0"
    assert statuses_of(stack, key, echo) == ["error"]


def test_a_rest_that_the_provider_asks_for_is_kept_by_the_sdk(stack, echo, own):
    key, client = own("chat", 4, "status=429,retry_after=1,times=1")
    began = time.monotonic()
    with client:
        assert CALLS["chat"](client).choices
    assert time.monotonic() - began > 0.9
    # Attempts while the account rests are refused, not admitted: they are on no record.
    assert statuses_of(stack, key, echo) == ["error", "ok"]


def test_what_relay_refuses_is_on_no_record(stack, echo, own):
    key, client = own("chat", 3, "")
    with client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**CHAT, extra_body={"n": 0})
    assert statuses_of(stack, key, echo) == []
