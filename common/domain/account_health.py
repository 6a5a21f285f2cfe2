"""How an account is doing, as the system observes it: why it rests, until when. Pure.

What an operator decides is `enabled` and `schedulable` of the account's record; this is apart from
both. `common/state/lua/rests.lua` keeps the same state, in Redis, for all replicas.
"""

from typing import Literal, get_args

import msgspec

from common.domain.refusals import Reason

Cause = Literal[
    "rate_limited",
    "overloaded",
    "failing",
    "unreachable",
    "timed_out",
    "unauthorized",
    "quota_exhausted",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)
Status = Literal["ok", "cooling", "unauthorized", "quota_exhausted"]
STATUSES: tuple[Status, ...] = get_args(Status)
# `closed` serves, `open` rests, `half_open` serves one request as a probe.
Circuit = Literal["closed", "open", "half_open"]

_CAUSE_OF: dict[Reason, Cause] = {
    Reason.UPSTREAM_RATE_LIMITED: "rate_limited",
    Reason.UPSTREAM_OVERLOADED: "overloaded",
    Reason.UPSTREAM_UNREACHABLE: "unreachable",
    Reason.UPSTREAM_TIMEOUT: "timed_out",
    Reason.UPSTREAM_CREDENTIAL: "unauthorized",
}
# These hold for whatever is asked, so even an account that is the only one is known by them.
LASTING: frozenset[Cause] = frozenset(("unauthorized", "quota_exhausted"))


def cause_of(reason: Reason) -> Cause:
    """What a failure of an attempt says of the account."""
    return _CAUSE_OF.get(reason, "failing")


class Rest(msgspec.Struct, frozen=True):
    """That an account is to rest for so many ms, from now on.

    `named`: the provider itself said until when, so the account simply serves after that; after
    any other rest one request is its probe. A rest of 0 ms only notes the cause.
    """

    ms: int
    cause: Cause
    named: bool = False

    def __str__(self) -> str:
        """The words in which the scripts take it."""
        return f"{self.ms} {int(self.named)} {self.cause}"


class Health(msgspec.Struct, frozen=True):
    """The state of an account at a moment. Times in ms since 1970; None where it is ok."""

    status: Status = "ok"
    circuit: Circuit = "closed"
    cause: Cause | None = None
    since_ms: int | None = None
    until_ms: int | None = None


OK = Health()


def health_of(kept: str, moment_ms: int) -> Health:
    """What is kept of an account in Redis, as of a moment.

    One moment alone, as older relays wrote it, is the end of a rest.
    """
    until, *more = kept.split(" ")
    until_ms = int(until)
    _, named, since, cause, _ = more if len(more) == 5 else ("", "1", until, "failing", "")
    past = until_ms <= moment_ms
    if past and named == "1":
        return OK
    return Health(
        cause if cause in STATUSES else "cooling",
        "half_open" if past else "open",
        cause if cause in CAUSES else "failing",
        int(since),
        until_ms,
    )
