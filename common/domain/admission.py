"""The answers of admission, as values. `common.state.admission` gets them from Redis."""

from typing import TypeAlias, TypeVar

import msgspec

One = TypeVar("One")


class Candidate(msgspec.Struct, frozen=True):
    """An account that may serve the request.

    `max_concurrency` 0 means no bound. `draft` is the usage record, as JSON, that is written
    when the relay dies while this account serves. `charge` is a `reservation.Charge` in msgpack,
    empty where no rule applies. `rules` are the account's own, packed. In the first `tier` that
    has room the account with the fewest open requests for its `weight` is taken; those of one tier
    come together.
    """

    account_id: str
    max_concurrency: int
    draft: bytes
    charge: bytes = b""
    rules: bytes = b""
    tier: int = 0
    weight: int = 1


class MinuteWindow(msgspec.Struct, frozen=True):
    """What a limit per minute had counted before the request; `index` is the rule's."""

    index: int
    used: int
    reset_ms: int


class Admitted(msgspec.Struct, frozen=True):
    """A lease is open, on the candidate of that index; `cap` is the output cap reserved for.

    `probe`: the account rested after failures, and this request alone tries it again.
    """

    index: int
    cap: int | None = None
    minutes: tuple[MinuteWindow, ...] = ()
    probe: bool = False


class Moved(msgspec.Struct, frozen=True):
    """The lease holds the next account, the candidate of that index, with that output cap.

    `probe` as in `Admitted`.
    """

    index: int
    cap: int | None = None
    probe: bool = False


class Waiting(msgspec.Struct, frozen=True):
    """Only concurrency denies, and the request may wait: so many before it, since that moment."""

    place: int
    since_ms: int


class Denied(msgspec.Struct, frozen=True):
    """Nothing was changed. `no_capacity`, `account_limited`, `cooling_down`: no candidate has room.

    `rate`, `reserved`, `exhausted`: the rule of that index denies, `remaining` of it is left (in
    its unit), it resets after `reset_ms` (-1 = never). `retry_after_ms` -1: never.
    """

    reason: str
    retry_after_ms: int
    index: int = -1
    remaining: int = 0
    reset_ms: int = -1
    minutes: tuple[MinuteWindow, ...] = ()


class Stale(msgspec.Struct, frozen=True):
    """The relay's snapshot was old; here is the current one (records as JSON).

    `versions` are those of the key and of the policies of organisation, team and user, whose
    records `policies` holds, empty where there is none.
    """

    versions: str
    key_record: bytes
    accounts_version: int
    accounts_record: bytes
    policies: tuple[bytes, bytes, bytes] = (b"", b"", b"")


class KeyRefused(msgspec.Struct, frozen=True):
    """The key is known and may not be used: `revoked`, `disabled` or `expired`."""

    status: str


class KeyUnknown(msgspec.Struct, frozen=True):
    """The projection has no such key; `failures` counts this address within a minute."""

    failures: int


class Rebuilding(msgspec.Struct, frozen=True):
    """The projection is not there yet."""


class Draft(msgspec.Struct, frozen=True):
    """The record to post should the relay die, as JSON, with its tokens and its nano-USD."""

    record: bytes
    tokens: int = 0
    nano: int = 0


class Use(msgspec.Struct, frozen=True):
    """What a request used in the end: all tokens, and nano-USD rounded up."""

    tokens: int = 0
    nano: int = 0


NO_USE = Use()


def chosen_first(candidates: list[One], index: int) -> list[One]:
    """The candidate that was taken, then the others in their order: they may have room later."""
    return [candidates[index], *candidates[:index], *candidates[index + 1 :]]


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


AdmitAnswer: TypeAlias = Admitted | Waiting | Denied | Stale | KeyRefused | KeyUnknown | Rebuilding
VerifyAnswer: TypeAlias = Stale | KeyRefused | KeyUnknown | Rebuilding
MoveAnswer: TypeAlias = Moved | Denied | Gone
SettleAnswer: TypeAlias = Settled | SettledLate | Skipped
