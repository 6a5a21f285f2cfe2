"""What operators look at: the audit trail, the quarantine, dead letters."""

from typing import Any

from pydantic import BaseModel, Field

from functions.key_admin.models.fields import Bound, Page, Sent, Sought, Time


class AuditFilters(Sent):
    """Which rows of the audit trail."""

    actor: Sought | None = None
    action: Sought | None = None
    subject_kind: Sought | None = None
    subject_id: Sought | None = None
    since: Bound | None = None
    until: Bound | None = None


class AuditPage(AuditFilters, Page):
    """Which page of them."""


class AuditAnswer(BaseModel):
    """Who did what, from where; `detail` has what was `before` and `after`, never a secret."""

    id: str = Field(description="the id of the request that did it")
    occurred_at: Time
    actor: str
    via: str = Field(
        description="the session or service account that it was done with; empty: the key itself"
    )
    action: str
    subject_kind: str
    subject_id: str
    address: str
    detail: dict[str, Any]


class AuditExported(BaseModel):
    """A row of the table."""

    id: str
    occurred_at: Time
    actor: str
    via: str
    action: str
    subject_kind: str
    subject_id: str
    address: str
    before: str | None = Field(description="JSON")
    after: str | None = Field(description="JSON")


class AuditList(BaseModel):
    """A page, newest first."""

    items: list[AuditAnswer]
    next_cursor: str | None


class QuarantinePage(BaseModel):
    """Which rows of the quarantine."""

    model_config = {"extra": "forbid"}

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Sought | None = None
    reason: Sought | None = None


class QuarantineAnswer(BaseModel):
    """A usage record that the ledger could not take, and why."""

    id: str
    reason: str
    detail: str
    outbox_id: str | None
    record: Any = Field(description="as it came; a string where it is no JSON")
    received_at: Time


class QuarantineList(BaseModel):
    """A page, newest first."""

    items: list[QuarantineAnswer]
    next_cursor: str | None


class DeadLetterAnswer(BaseModel):
    """An event that nobody took."""

    id: str
    received_at: Time
    event_id: str
    event_source: str
    event_type: str
    error_code: str | None
    error_destination: str | None
    retried_at: Time | None


class DeadLetterShown(DeadLetterAnswer):
    """An event that nobody took, as it came."""

    attributes: dict[str, str] = Field(description="of CloudEvents, and those of the broker")
    data: Any = Field(description="a string where it is no JSON")


class DeadLetterList(BaseModel):
    """A page, newest first."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None
