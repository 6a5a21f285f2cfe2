"""Sessions and who calls, as sent and as answered."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from functions.key_admin.models.fields import Page, Sent, Sought, Time

Text = Annotated[str, Field(min_length=1, max_length=1024)]
RoleName = Literal["viewer", "operator", "admin", "team_admin", "portal"]
WayName = Literal["master-key", "password", "oidc", "service-account", "api-key"]


class SignIn(Sent):
    """One way: `username` and `password`, or `master_key`, or `api_key`."""

    username: Text | None = None
    password: Text | None = None
    master_key: Text | None = None
    api_key: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SignIn":
        by_password = self.username is not None and self.password is not None
        halves = (self.username is None) != (self.password is None)
        ways = by_password + (self.master_key is not None) + (self.api_key is not None)
        if halves or ways != 1:
            raise ValueError("give username and password, or master_key, or api_key")
        return self


class Refresh(Sent):
    """The refresh token that came last."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class SessionAnswer(BaseModel):
    """A session; `current` is the one of this call."""

    id: str
    name: str
    way: WayName
    role: RoleName
    team_ids: list[str]
    address: str
    client: str
    created_at: Time
    refreshed_at: Time
    ends_at: Time
    current: bool


class TokensAnswer(BaseModel):
    """Tokens of a session. The access token is sent as `Authorization: Bearer`."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of RFC 6750
    expires_in: int = Field(description="seconds until the access token ends")
    refresh_token: str = Field(description="good once; the next answer has another")
    session: SessionAnswer


class ActorAnswer(BaseModel):
    """Who calls, and what they may."""

    name: str
    way: WayName
    role: RoleName
    team_ids: list[str]
    user_id: str | None
    key_id: str | None
    areas: list[str] = Field(description="of a service account; empty: all that its role may")
    session_id: str | None
    csrf_token: str | None = Field(
        description="for `x-csrf-token`, where the session's cookie says who calls"
    )


class SessionPage(Page):
    """Whose sessions: your own, or for an admin those of a `subject`, or `all`."""

    all: bool = False
    subject: Sought | None = None


class SessionsEnded(Sent):
    """Whose sessions are ended: your own, or for an admin those of a `subject`."""

    subject: Sought | None = None


class SessionShown(SessionAnswer):
    """With whom it is of."""

    subject: str


class SessionList(BaseModel):
    """A page of sessions that have not ended, newest first."""

    items: list[SessionShown]
    next_cursor: str | None
