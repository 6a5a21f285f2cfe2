"""Replacing the master key, as sent and as answered."""

from pydantic import BaseModel, Field

from functions.key_admin.models.fields import Sent, Time


class Grace(Sent):
    """For how long the key that makes this call is accepted beside the one that replaces it."""

    minutes: int = Field(default=30, ge=1, le=7 * 24 * 60)


class GraceAnswer(BaseModel):
    """Until when the key of this call is accepted."""

    accepted_until: Time
