"""Usage records as JSON, and the signature that events carry."""

import hmac
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.policies import AppliedGone, AppliedPolicy, ClientGone
from common.domain.signature import sign, signed, verify
from common.domain.usage import Tokens, UsageRecord, decode, encode

KEY = b"k" * 32
RECORD = UsageRecord(
    id="01ARYZ6S41TSV4RRFFQ69G5FAV",
    kind="usage",
    adjusts=None,
    occurred_at="2026-11-24T02:00:00.000Z",
    key_id="01ARYZ6S41TSV4RRFFQ69G5FAW",
    user_id="alice",
    team_id=None,
    account_id="0000000000VYK9M2XQ3R5T7V9W",
    provider="openai",
    dialect="openai",
    endpoint="chat.completions",
    model_requested="gpt-4o-mini",
    model_served="gpt-4o-mini",
    status="ok",
    finish_cause="complete",
    tokens=Tokens(input=9, output=12),
    usage_source="reported",
    cost_usd="0.000008550000",
    price_version="1",
    latency_ms=640,
    first_token_ms=210,
    attempts=1,
    cache_hit=False,
    redactions=0,
    client=None,
    error_code=None,
    tags=[],
)

FIELDS = [
    "id", "kind", "adjusts", "occurred_at", "key_id", "user_id", "team_id", "account_id",
    "provider", "dialect", "endpoint", "model_requested", "model_served", "status",
    "finish_cause", "tokens", "usage_source", "cost_usd", "price_version", "latency_ms",
    "first_token_ms", "attempts", "cache_hit", "redactions", "client", "error_code", "tags",
    "service_tier", "searches", "unit_prices", "discount", "priced_as",
    "reported_usage", "policy",
]  # fmt: skip


def test_the_members_are_fixed():
    made = json.loads(encode(RECORD))
    assert list(made) == FIELDS
    assert list(made["tokens"]) == [
        "input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning",
        "audio_input", "audio_output",
    ]  # fmt: skip


def test_there_and_back():
    assert decode(encode(RECORD)) == RECORD


def test_a_newer_member_is_ignored_and_a_missing_one_refused():
    made = json.loads(encode(RECORD))
    assert decode(json.dumps(made | {"newer": 1})) == RECORD
    del made["cost_usd"]
    with pytest.raises(msgspec.ValidationError, match="cost_usd"):
        decode(json.dumps(made))


def test_total_counts_nothing_twice():
    assert Tokens(1, 2, 4, 8, 16, reasoning=2, audio_input=1, audio_output=1).total == 31


@given(st.builds(Tokens, *[st.integers(0, 10**9)] * 8), st.builds(Tokens, *[st.integers(0, 9)] * 8))
def test_a_difference_brings_one_to_the_other(one, other):
    assert other.minus(one).total == other.total - one.total


def _signed(**changes):
    made = msgspec.to_builtins(RECORD) | {"outbox_id": "1-1"} | changes
    made["sig"] = sign(made, KEY)
    return made


def test_a_signature_survives_another_order_and_another_encoder():
    signed = _signed(user_id="zoë 🚀")
    shuffled = json.loads(json.dumps(dict(reversed(signed.items())), indent=2, ensure_ascii=True))
    assert verify(shuffled, KEY)


@pytest.mark.parametrize(
    "change",
    [{"cost_usd": "0"}, {"outbox_id": "1-2"}, {"extra": 1}, {"sig": None}, {"sig": ""}, {"sig": 1}],
)
def test_any_change_breaks_the_signature(change):
    assert not verify(_signed() | change, KEY)


def test_another_key_does_not_verify():
    assert not verify(_signed(), b"x" * 32)


@given(st.binary(max_size=200), st.integers(-(2**63), 2**63))
def test_the_signature_is_the_one_of_any_other_implementation(key, number):
    value = {"a": number}
    text = json.dumps(value, separators=(",", ":")).encode()
    assert sign(value, key) == hmac.digest(key, text, "sha256").hex()


def test_what_an_event_carries_is_signed_as_a_whole():
    policy = AppliedPolicy(client_gone=AppliedGone(ClientGone("drain", 9), "team"))
    record = msgspec.structs.replace(
        RECORD, policy=policy, tags=["b", "a"], reported_usage={"z": {"y": 1, "x": None}, "a": 1.5}
    )
    sent = json.loads(signed(record, "1-2", KEY))
    made = msgspec.to_builtins(record) | {"outbox_id": "1-2"}
    assert sent == made | {"sig": sign(made, KEY)}
    assert verify(sent, KEY)
