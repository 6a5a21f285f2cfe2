"""The events of Relay: their names, sources and data. The only place where a name is written.

A name ends in the version of its data. Within a version members are only ever added, and readers
ignore members that they do not know.
"""

from typing import Any, Literal

import msgspec

from common.domain.account_health import Cause, Status
from common.domain.policies import Level

USAGE_RECORDED = "ai.relay.usage.recorded.v1"
BUDGET_THRESHOLD = "ai.relay.budget.threshold.v1"
ACCOUNT_HEALTH = "ai.relay.account.health.v1"
KEY_CHANGED = "ai.relay.key.changed.v1"
SPEND_DRIFT = "ai.relay.spend.drift.v1"
KEYS_EXPIRING = "ai.relay.keys.expiring.v1"
LOGIN_FAILURES = "ai.relay.login.failures.v1"
NOTIFICATIONS_DUE = "ai.relay.notifications.due.v1"
# PingSource's own type (knative/eventing pkg/apis/sources/v1/ping_types.go); it cannot be chosen.
CRON_TASK = "dev.knative.sources.ping"

OUR_TYPES = (
    *(USAGE_RECORDED, BUDGET_THRESHOLD, ACCOUNT_HEALTH, KEY_CHANGED, SPEND_DRIFT),
    *(KEYS_EXPIRING, LOGIN_FAILURES, NOTIFICATIONS_DUE),
)

SOURCE_RELAY = "/relay/relay"
SOURCE_KEY_ADMIN = "/relay/key_admin"
SOURCE_USAGE_AGGREGATION = "/relay/usage_aggregation"
SOURCE_CLEANUP = "/relay/cleanup"

# One event carries at most this many records, and this many bytes of data: brokers commonly stop
# at 1 MiB an event (Kafka's default), and CloudEvents 1.0 promises passage only to small ones.
RECORDS_PER_EVENT_MAX = 500
EVENT_DATA_BYTES_MAX = 512 * 1024
# So that what is made of it fits into one message of any channel.
EXPIRING_PER_EVENT_MAX = 20


class UsageRecorded(msgspec.Struct, frozen=True):
    """Data of `USAGE_RECORDED`. Each record is an object as it was signed.

    That is: the members of `common.domain.usage.UsageRecord`, `outbox_id`, and `sig`
    (`common.domain.signature`). They stay plain objects because the signature covers members
    that this version may not know.
    """

    records: list[dict[str, Any]]


class CronTask(msgspec.Struct, frozen=True):
    """Data of `CRON_TASK`, as the PingSources in knative/ write it: the task's name."""

    task: str


class BudgetThreshold(msgspec.Struct, frozen=True):
    """Data of `BUDGET_THRESHOLD`: spending reached a part of a budget. Money as decimal strings.

    Once for each budget, period and percent: the event's id is the same however often it is sent.
    `scope` is the level, `scope_id` what the API calls the team, user or key. `period_ends_at` is
    RFC 3339, null for `total`. `highest_percent` is the highest mark that was passed at once.
    """

    scope: Level
    scope_id: str
    period: Literal["total", "day", "week", "month"]
    period_id: str
    period_ends_at: str | None
    budget_usd: str
    spent_usd: str
    threshold_percent: int
    highest_percent: int = 0


class SpendDrift(msgspec.Struct, frozen=True):
    """Data of `SPEND_DRIFT`: a counter in Redis differed from the ledger.

    `figure` is what it counts: `spent` and `reserved` are USD as decimal strings, `requests` and
    `tokens` whole numbers as strings. `repaired` says whether the counter was put right.
    """

    scope: Level
    scope_id: str
    period_id: str
    figure: Literal["spent", "reserved", "requests", "tokens"]
    counted: str
    expected: str
    difference: str
    repaired: bool


class AccountHealth(msgspec.Struct, frozen=True):
    """Data of `ACCOUNT_HEALTH`: an account's health is another than was told before.

    The event's subject is the account's id as well. `cause` is why it rests, None where it is ok.
    Times are RFC 3339: since when it rests, and until when it does at least. `provider` is empty
    where the account is gone.
    """

    account_id: str
    provider: str
    status: Status
    cause: Cause | None = None
    since: str | None = None
    until: str | None = None


class ExpiringKey(msgspec.Struct, frozen=True):
    """A key that ends soon. `expires_at` is RFC 3339."""

    key_id: str
    name: str
    key_prefix: str
    user_id: str
    expires_at: str


class KeysExpiring(msgspec.Struct, frozen=True):
    """Data of `KEYS_EXPIRING`: keys of one team, or of none, that end within so many days.

    Once for each key, end and number of days, at most `EXPIRING_PER_EVENT_MAX` an event.
    """

    days: int
    team_id: str | None
    keys: list[ExpiringKey]


class LoginFailures(msgspec.Struct, frozen=True):
    """Data of `LOGIN_FAILURES`: somebody failed to sign in again and again, and is locked out.

    `user` is who was tried, empty for the master key; `address` the caller's. Times are RFC 3339.
    """

    user: str
    address: str
    failures: int
    since: str
    locked_until: str | None = None


class NotificationsDue(msgspec.Struct, frozen=True):
    """Data of `NOTIFICATIONS_DUE`: so many messages wait for being tried again."""

    waiting: int


class KeyChanged(msgspec.Struct, frozen=True):
    """Data of `KEY_CHANGED`; the event's subject is the key's id as well."""

    key_id: str
    change: Literal["created", "updated", "revoked", "restored", "rotated", "deleted"]
    version: int
