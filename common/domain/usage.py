"""The usage record: what one admitted request used, as events, outbox and ledger carry it.

Never prompt text. `input` excludes cached tokens, `output` includes reasoning, as in the
normalisation table of docs/architecture.md; whoever reads a provider's figures converts them.
"""

from typing import Any, Literal

import msgspec

from common.domain.policies import AppliedPolicy

Kind = Literal["usage", "adjustment"]
Status = Literal["ok", "error", "cancelled", "interrupted"]
UsageSource = Literal["reported", "estimated"]

TOKEN_CLASSES = (
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
)


# More than any request can use in any class: a figure above it is a mistake.
TOKENS_MAX = 10**12


class Tokens(msgspec.Struct, frozen=True):
    """Tokens by class. `reasoning` is part of `output`; the audio classes are parts too."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    @property
    def total(self) -> int:
        """What was processed: uncached, cached and generated tokens, nothing twice."""
        return (
            self.input + self.output + self.cache_read + self.cache_write_5m + self.cache_write_1h
        )

    @property
    def is_plausible(self) -> bool:
        """Whether no class is above `TOKENS_MAX`: else it can be neither priced nor posted."""
        most: int = max(msgspec.structs.astuple(self))
        return most <= TOKENS_MAX

    def minus(self, other: "Tokens") -> "Tokens":
        """The difference class by class; an adjustment may be negative."""
        return Tokens(*(getattr(self, name) - getattr(other, name) for name in TOKEN_CLASSES))


class UsageRecord(msgspec.Struct, frozen=True):
    """One row of the ledger. Ids are ULIDs, `occurred_at` is the id's own time in RFC 3339."""

    id: str
    kind: Kind
    adjusts: str | None
    occurred_at: str
    key_id: str
    user_id: str
    team_id: str | None
    account_id: str
    provider: str
    dialect: str
    endpoint: str
    model_requested: str
    model_served: str | None
    status: Status
    finish_cause: str
    tokens: Tokens
    usage_source: UsageSource
    cost_usd: str
    price_version: str
    latency_ms: int | None
    first_token_ms: int | None
    attempts: int
    cache_hit: bool
    redactions: int
    client: str | None
    error_code: str | None
    tags: list[str]
    # The tier that the provider says it served at, in its own words; web searches that it ran and
    # bills each; and the price of every class that was used, in pico-USD (`price_lines`). Records
    # that were written before these members have none of them.
    service_tier: str | None = None
    searches: int = 0
    unit_prices: dict[str, int] = {}
    # The account's own discount, which `unit_prices` have taken off already.
    discount: str = ""
    # The name whose price it is: what the provider was asked for.
    priced_as: str | None = None
    # The figures as the provider gave them (`reported_usage`), and what held for the request; None
    # in records that were written before these members.
    reported_usage: dict[str, Any] | None = None
    policy: AppliedPolicy | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(UsageRecord)


def encode(record: UsageRecord) -> bytes:
    """The record as JSON, members in the declared order."""
    return _encoder.encode(record)


def decode(data: bytes | str) -> UsageRecord:
    """A record from JSON; unknown members are ignored. Raises `msgspec.ValidationError`."""
    return _decoder.decode(data)


def from_object(value: dict[str, Any]) -> UsageRecord:
    """A record from a decoded JSON object. Raises `msgspec.ValidationError`."""
    return msgspec.convert(value, UsageRecord)
