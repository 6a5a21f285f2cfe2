"""Limits and budgets, as sent and as answered: the same fields at every level."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from common.domain.access import NO_ACCESS
from common.domain.content_rules import NO_CONTENT
from common.domain.periods import Calendar, Period, UnknownTimezone, Weekday, zone
from common.domain.policies import (
    Budget,
    BudgetPolicy,
    ClientGone,
    GonePolicy,
    Limits,
    Policy,
    UnpricedModels,
)
from common.domain.routing import NO_ROUTING
from functions.key_admin.models import patterns
from functions.key_admin.models.access import AccessFields, access_of, shown_access
from functions.key_admin.models.content import (
    ContentSent,
    ContentShown,
    patched_content,
    shown_content,
)
from functions.key_admin.models.fields import Sent, Time
from functions.key_admin.models.routing import (
    FallbacksShown,
    OrganisationRoutingPatch,
    RegionsShown,
    patched_routing,
    shown_routing,
)

BUDGETS_MAX = 20
# A week: longer spans are what budgets and daily limits are for.
WINDOW_MINUTES_MAX = 7 * 24 * 60
WAITING_MAX = 10_000
WAIT_MS_MAX = 5 * 60 * 1000
# A request ends with the revision's timeout in any case.
DRAIN_SECONDS_MAX = 600


_Budget = TypeVar("_Budget", bound="BudgetFields")


def _known_zone(name: str) -> str:
    try:
        zone(name)
    except UnknownTimezone:
        raise PydanticCustomError(
            "timezone", "must be a time zone of the IANA database, e.g. Europe/Berlin"
        ) from None
    return name


def each_once(budgets: list[_Budget]) -> list[_Budget]:
    """One budget per period, and a soft one beside it. Raises `ValueError`."""
    seen: set[tuple[str, bool]] = set()
    for budget in budgets:
        kind = (budget.period, budget.policy == "soft")
        if kind in seen:
            raise PydanticCustomError(
                "budget_twice",
                "two budgets per {period}: there may be one, and a soft one beside it",
                {"period": budget.period},
            )
        seen.add(kind)
    return budgets


Count = Annotated[int | None, Field(ge=1, le=10**12)]
Usd = Annotated[
    str, Field(pattern=patterns.USD, description="USD, a decimal with at most 9 places")
]


class WindowFields(Sent):
    """A sliding window of `minutes`: at most so many requests, tokens, USD in any such span."""

    minutes: int = Field(ge=1, le=WINDOW_MINUTES_MAX)
    requests: Count = None
    tokens: Count = None
    usd: Usd | None = None


class QueueFields(Sent):
    """Who may wait for a place among the concurrent requests, and how long."""

    max_waiting: int = Field(ge=1, le=WAITING_MAX)
    timeout_ms: int = Field(ge=1, le=WAIT_MS_MAX)


class RateFields(Sent):
    """Limits of rate and concurrency; what is left out or null is not limited."""

    requests_per_minute: Count = None
    tokens_per_minute: Count = None
    requests_per_day: Count = None
    tokens_per_day: Count = None
    concurrency: Count = None
    window: WindowFields | None = None


class LimitsFields(RateFields):
    """The same, with a queue for concurrency: without one a request is refused at once."""

    queue: QueueFields | None = None

    @model_validator(mode="after")
    def _queues_for_something(self) -> "LimitsFields":
        if self.queue is not None and self.concurrency is None:
            raise PydanticCustomError("queue_alone", "queue needs a limit of concurrency beside it")
        return self


class BudgetFields(Sent):
    """At most `usd` in each period.

    `clamp` lowers output caps to what is left, `deny` refuses what may cost more, `soft` counts.
    """

    period: Period
    usd: Usd
    policy: BudgetPolicy = "clamp"


class CalendarFields(Sent):
    """When days and weeks begin, for budgets and daily limits of this level."""

    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] = "UTC"
    week_starts_on: Weekday = "monday"
    day_starts_at: int = Field(default=0, ge=0, le=23, description="hour of the day")


class ClientGoneFields(Sent):
    """What becomes of a stream whose caller leaves.

    `cancel` stops the provider and charges what was streamed; `drain` reads on, at most
    `drain_seconds`, to charge what the provider reports.
    """

    policy: GonePolicy
    drain_seconds: int = Field(
        default=ClientGone().drain_seconds, ge=1, le=DRAIN_SECONDS_MAX, description="of `drain`"
    )


Budgets = Annotated[list[BudgetFields], Field(max_length=BUDGETS_MAX), AfterValidator(each_once)]


class CountsSent(Sent):
    """The fields that a body has for limits and budgets."""

    limits: LimitsFields = Field(default_factory=LimitsFields)
    budgets: Budgets = Field(default_factory=list)
    calendar: CalendarFields = Field(default_factory=CalendarFields)


class PolicySent(CountsSent):
    """Those, and the access rules of a level."""

    access: AccessFields = Field(default_factory=AccessFields)


class CountsPatch(Sent):
    """Each of them that is sent takes the old one's place; `null` takes it away."""

    limits: LimitsFields | None = None
    budgets: Budgets | None = None
    calendar: CalendarFields | None = None


class PolicyPatch(CountsPatch):
    """The same, and the access rules of a level."""

    access: AccessFields | None = None


class CountsShown(BaseModel):
    """A level's own limits; what other levels set applies too."""

    limits: LimitsFields
    budgets: list[BudgetFields]
    calendar: CalendarFields


class PolicyShown(CountsShown):
    """The same, and its access rules."""

    access: AccessFields


class TenantPolicySent(PolicySent, ContentSent):
    """The same of a team; without `client_gone` what the organisation says holds."""

    client_gone: ClientGoneFields | None = None


class TenantPolicyPatch(PolicyPatch, ContentSent):
    """The same of a team or the organisation."""

    client_gone: ClientGoneFields | None = None


class TenantPolicyShown(PolicyShown, ContentShown):
    """The same; `client_gone` null: what the organisation says holds, and there `cancel`."""

    client_gone: ClientGoneFields | None


UnpricedField = Annotated[
    UnpricedModels | None,
    Field(
        description="models that the price book does not know: `deny` refuses them, `quarantine` "
        "serves them and prices them later; `null`: as the level above has it"
    ),
]


class OrganisationPatch(TenantPolicyPatch, OrganisationRoutingPatch):
    """What is to change; what is left out stays."""

    unpriced_models: UnpricedField = None


class OrganisationAnswer(TenantPolicyShown, RegionsShown, FallbacksShown):
    """What applies to every key."""

    unpriced_models: UnpricedField
    updated_at: Time


def policy_of(given: CountsSent) -> Policy:
    """What was sent as the policy of a new resource."""
    access = getattr(given, "access", None)
    return msgspec.structs.replace(
        counts_of(given.limits, given.budgets, given.calendar),
        access=NO_ACCESS if access is None else access_of(access),
        unpriced_models=getattr(given, "unpriced_models", None),
        client_gone=_client_gone(given),
        routing=patched_routing(NO_ROUTING, given),
        content=patched_content(NO_CONTENT, given),
    )


def counts_of(
    limits: RateFields, budgets: Sequence[BudgetFields], calendar: CalendarFields
) -> Policy:
    """What was sent as limits and budgets."""
    return Policy(_limits(limits), _budgets(budgets), _calendar(calendar))


def patched_policy(policy: Policy, given: BaseModel) -> Policy:
    """The policy with what was sent in the old one's place: of the members that a policy has."""
    changes: dict[str, Any] = {}
    sent = {name: getattr(given, name) for name in given.model_fields_set}
    if "limits" in sent:
        changes["limits"] = _limits(sent["limits"] or LimitsFields())
    if "budgets" in sent:
        changes["budgets"] = _budgets(sent["budgets"] or [])
    if "calendar" in sent:
        changes["calendar"] = _calendar(sent["calendar"] or CalendarFields())
    if "access" in sent:
        changes["access"] = access_of(sent["access"] or AccessFields())
    if "unpriced_models" in sent:
        changes["unpriced_models"] = sent["unpriced_models"]
    if "client_gone" in sent:
        changes["client_gone"] = _client_gone(given)
    changes["routing"] = patched_routing(policy.routing, given)
    changes["content"] = patched_content(policy.content, given)
    return msgspec.structs.replace(policy, **changes)


def shown(policy: Policy) -> dict[str, Any]:
    """The members of an answer that tell of a level's policy."""
    return shown_counts(policy) | {"access": shown_access(policy.access)}


def shown_counts(policy: Policy) -> dict[str, Any]:
    """Those of limits and budgets alone."""
    members = msgspec.to_builtins(policy)
    return {
        "limits": LimitsFields(**members.get("limits", {})),
        "budgets": [BudgetFields(**budget) for budget in members.get("budgets", [])],
        "calendar": CalendarFields(**members.get("calendar", {})),
    }


def shown_to_tenants(policy: Policy) -> dict[str, Any]:
    """The same of a team or the organisation."""
    chosen = policy.client_gone
    client_gone = None if chosen is None else ClientGoneFields(**msgspec.to_builtins(chosen))
    routing = shown_routing(policy.routing, "regions", "fallbacks")
    return shown(policy) | {"client_gone": client_gone} | routing | shown_content(policy.content)


def _limits(given: RateFields) -> Limits:
    return msgspec.convert(given.model_dump(), Limits)


def _budgets(given: Sequence[BudgetFields]) -> tuple[Budget, ...]:
    return tuple(Budget(**budget.model_dump()) for budget in given)


def _calendar(given: CalendarFields) -> Calendar:
    return Calendar(**given.model_dump())


def _client_gone(given: BaseModel) -> ClientGone | None:
    if isinstance(given, TenantPolicySent | TenantPolicyPatch) and given.client_gone is not None:
        return ClientGone(**given.client_gone.model_dump())
    return None
