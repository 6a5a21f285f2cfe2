"""Channels of notifications and messages to them, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from common.domain.notices import KINDS, Severity
from common.domain.notification_channels import ChannelKind, SmtpSecurity
from functions.key_admin.models import patterns
from functions.key_admin.models.account_credentials import Secret
from functions.key_admin.models.addresses import MailHost, ReceiverUrl
from functions.key_admin.models.fields import LEFT_OUT, Kept, Name, Page, Sent, Time, Ulid

TEAMS_MAX = 200
Event = Literal[
    "budget.threshold", "account.health", "keys.expiring", "spend.drift", "login.failures"
]


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Email = Annotated[str, Field(max_length=254, pattern=patterns.ONE_EMAIL)]
Events = Annotated[
    list[Event],
    Field(max_length=len(KINDS), description="what it is for; empty: everything"),
    AfterValidator(_once),
]
Teams = Annotated[
    list[Ulid],
    Field(
        max_length=TEAMS_MAX,
        description="only what is one of these teams'; empty: everybody's, and what is no team's",
    ),
    AfterValidator(_once),
]
LeastSeverity = Annotated[
    Severity, Field(description="at least so grave: info, warning or critical")
]


class ChannelSettings(Sent):
    """What a kind of channel needs. Those marked secret are sealed, and never shown again.

    `slack`, `teams`, `discord`: `webhook_url` (secret). `telegram`: `bot_token` (secret),
    `chat_id`. `webhook`: `url`, `signing_secret` (secret, `whsec_…`). `email`: `smtp_host`,
    `sender`, `recipients`; `smtp_port`, `smtp_security`, `smtp_user`, `smtp_password` (secret).
    """

    webhook_url: Annotated[Secret, Field(max_length=2000)] | None = Field(default=None, repr=False)
    bot_token: Secret | None = Field(default=None, repr=False)
    chat_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    url: ReceiverUrl | None = None
    signing_secret: Secret | None = Field(default=None, repr=False)
    smtp_host: MailHost | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    smtp_security: SmtpSecurity | None = None
    smtp_user: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    smtp_password: Secret | None = Field(default=None, repr=False)
    sender: Email | None = None
    recipients: Annotated[list[Email], Field(min_length=1, max_length=20)] | None = None


class ChannelCreate(Sent):
    """A new channel."""

    name: Name
    kind: ChannelKind
    settings: ChannelSettings = Field(default_factory=ChannelSettings)
    events: Events = Field(default_factory=list)
    team_ids: Teams = Field(default_factory=list)
    severity: LeastSeverity = "info"
    enabled: bool = True


class ChannelPatch(Sent):
    """What is to change; what is left out stays, of `settings` too, and null takes one away.

    The kind never changes.
    """

    name: Annotated[Name, Kept] = LEFT_OUT
    settings: Annotated[ChannelSettings, Kept] = LEFT_OUT
    events: Annotated[Events, Kept] = LEFT_OUT
    team_ids: Annotated[Teams, Kept] = LEFT_OUT
    severity: Annotated[LeastSeverity, Kept] = LEFT_OUT
    enabled: Annotated[bool, Kept] = LEFT_OUT


class ChannelAnswer(BaseModel):
    """A channel without its secrets."""

    id: str
    name: str
    kind: ChannelKind
    settings: dict[str, Any] = Field(description="without the secret ones")
    events: list[Event]
    team_ids: list[str]
    severity: Severity
    enabled: bool
    created_at: Time
    updated_at: Time


class ChannelList(BaseModel):
    """A page, newest first."""

    items: list[ChannelAnswer]
    next_cursor: str | None


class ChannelTest(BaseModel):
    """How a test went."""

    sent: bool
    error: str | None = Field(description="why it was not taken, without secrets")
    latency_ms: int


State = Literal["waiting", "sent", "given_up"]


class DeliveryPage(Page):
    """Which messages."""

    channel_id: Ulid | None = None
    state: State | None = None


class DeliveryAnswer(BaseModel):
    """A message to a channel, and how it went."""

    id: str
    channel_id: str
    channel: str = Field(description="its name")
    event_id: str
    event: str = Field(description="the kind of event, as channels choose it")
    severity: Severity
    title: str
    text: str
    team_id: str | None
    state: State
    attempts: int
    next_attempt_at: Time | None = Field(description="while it waits")
    error: str | None = Field(description="of the last attempt, without secrets")
    created_at: Time
    updated_at: Time


class DeliveryList(BaseModel):
    """A page, newest first."""

    items: list[DeliveryAnswer]
    next_cursor: str | None
