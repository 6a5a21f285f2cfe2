"""Test calls of accounts, and sealing their credentials anew."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

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
    body: str | None = Field(default=None, description="the provider's own words, at most 4,000")
    message: str | None = None
    reason: str | None = None
    ok: bool | None = None


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
