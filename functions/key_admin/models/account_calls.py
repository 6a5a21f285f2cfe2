"""What is asked of accounts beside changing them: test calls, errors, who uses them, presets."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from common.domain.accounts import Provider, Quirk
from functions.key_admin.models.accounts import LastError
from functions.key_admin.models.fields import Glob, Sent

PROMPT = "Answer with the word OK."


class AccountTest(Sent):
    """What to ask. Without a `model` it is the first that the account names."""

    model: Glob | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=2000)] = PROMPT
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 64


class AccountTestLine(BaseModel):
    """One line; beside `event` it has the members of its kind."""

    event: Literal["asked", "answered", "data", "refused", "failed", "done"]
    provider: str | None = None
    model: str | None = Field(default=None, description="as the provider calls it")
    format: str | None = None
    url: str | None = None
    egress_proxy: str | None = None
    status: int | None = None
    ms: int | None = None
    data: Any = Field(default=None, description="an event of the stream, as the provider wrote it")
    text: str | None = Field(default=None, description="what the event adds to the answer")
    body: str | None = Field(default=None, description="the provider's own words, at most 4,000")
    message: str | None = None
    reason: str | None = None
    ok: bool | None = None


class AccountError(LastError):
    """One failure of an account, as one relay or a trial of `cleanup` saw it."""

    count: int = Field(description="which one it was in a row")


class AccountErrors(BaseModel):
    """The last 100 of the last week, newest first; also those since which it has served."""

    items: list[AccountError]


class AccountUser(BaseModel):
    """Who asks an account by name: a key or team that is bound to it, or a group that it is in."""

    kind: Literal["group", "key", "team"]
    id: str
    name: str
    revoked: bool = Field(description="a key that may be restored; it does not keep the account")


class AccountUsers(BaseModel):
    """Groups, then at most 100 keys and teams. An account that has none may be asked all the same.

    All that are not bound to others may ask it, by model, priority and weight.
    """

    items: list[AccountUser]


class AccountPreset(BaseModel):
    """A kind of account: what a new one begins with. Everything may be sent otherwise."""

    name: str
    label: str
    provider: Provider
    base_url: str = Field(description="empty: the provider's own, or it must be given")
    example_url: str = Field(description="what an address that must be given looks like")
    credential_url: str = Field(description="the page where a credential is made")
    key_begins: str = Field(description="how its keys begin")
    model: str = Field(description="one that it serves, as `requested=served` where it is mapped")
    region: str = Field(description="an example, where one is needed")
    quirks: list[Quirk]


class AccountPresets(BaseModel):
    """Providers, then compatible servers."""

    items: list[AccountPreset]


class RewrapFailure(BaseModel):
    """An account or channel whose secrets could not be opened, and why."""

    id: str
    name: str
    error: str


class RewrapAnswer(BaseModel):
    """Which accounts and channels the current key seals now and did not before."""

    key_id: str
    rewrapped: list[str]
    failed: list[RewrapFailure]
