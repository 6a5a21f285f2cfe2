"""The answers of admission, as values. `common.state.admission` gets them from Redis."""

from typing import TypeAlias

import msgspec


class Candidate(msgspec.Struct, frozen=True):
    """An account that may serve the request.

    `max_concurrency` 0 means no bound. `draft` is the usage record, as JSON, that is written
    when the relay dies while this account serves.
    """

    account_id: str
    max_concurrency: int
    draft: bytes


class Admitted(msgspec.Struct, frozen=True):
    """A lease is open, on the candidate of that index."""

    index: int


class Moved(msgspec.Struct, frozen=True):
    """The lease holds the next account, the candidate of that index."""

    index: int


class Denied(msgspec.Struct, frozen=True):
    """No candidate has room: `no_capacity` or `cooling_down`."""

    reason: str
    retry_after_ms: int


class Stale(msgspec.Struct, frozen=True):
    """The relay's snapshot was old; here is the current one (records as JSON)."""

    key_version: int
    key_record: bytes
    accounts_version: int
    accounts_record: bytes


class KeyRefused(msgspec.Struct, frozen=True):
    """The key is known and may not be used: `revoked`, `disabled` or `expired`."""

    status: str


class KeyUnknown(msgspec.Struct, frozen=True):
    """The projection has no such key; `failures` counts this address within a minute."""

    failures: int


class Rebuilding(msgspec.Struct, frozen=True):
    """The projection is not there yet."""


class Gone(msgspec.Struct, frozen=True):
    """The lease is over: expired or settled."""


class Settled(msgspec.Struct, frozen=True):
    """The record is in the outbox. `first` is false when an earlier call put it there."""

    outbox_id: str
    first: bool


class SettledLate(msgspec.Struct, frozen=True):
    """The lease had expired; its draft is in the outbox and the difference is to be posted."""

    draft: bytes


class Skipped(msgspec.Struct, frozen=True):
    """There was nothing to settle or adjust."""


AdmitAnswer: TypeAlias = Admitted | Denied | Stale | KeyRefused | KeyUnknown | Rebuilding
VerifyAnswer: TypeAlias = Stale | KeyRefused | KeyUnknown | Rebuilding
MoveAnswer: TypeAlias = Moved | Denied | Gone
SettleAnswer: TypeAlias = Settled | SettledLate | Skipped
