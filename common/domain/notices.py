"""What people are told: kinds of notices, how grave they are, and which channel wants which. Pure.

A kind is what a channel filters by, and what a webhook's `type` says.
"""

from typing import Any, Literal, get_args

import msgspec

Kind = Literal[
    "budget.threshold",
    "account.health",
    "keys.expiring",
    "spend.drift",
    "login.failures",
    "test",
]
# What a channel can choose from; a test is always for the one that is tested.
KINDS: tuple[Kind, ...] = tuple(one for one in get_args(Kind) if one != "test")
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class Notice(msgspec.Struct, frozen=True):
    """One message. `text` says what happened, what to do and where, without markup.

    `event_id` is the event's: the same however often it comes, so receivers can tell repetitions.
    `team_id` is whose it is, None where it is no team's; `data` are the event's own figures.
    """

    event_id: str
    kind: Kind
    severity: Severity
    title: str
    text: str
    time: str
    team_id: str | None = None
    data: dict[str, Any] = {}


class Wishes(msgspec.Struct, frozen=True):
    """What a channel is for: kinds and teams (empty: all), and how grave it must be at least.

    With teams it gets only what is one of theirs.
    """

    kinds: tuple[Kind, ...] = ()
    team_ids: tuple[str, ...] = ()
    severity: Severity = "info"

    def want(self, notice: Notice) -> bool:
        """Whether the notice is one of those."""
        return (
            (not self.kinds or notice.kind in self.kinds)
            and (not self.team_ids or notice.team_id in self.team_ids)
            and SEVERITIES.index(notice.severity) >= SEVERITIES.index(self.severity)
        )
