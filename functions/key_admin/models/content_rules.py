"""What holds of content for a key, a team or everybody, as asked and as answered."""

from pydantic import BaseModel, Field, model_validator

from functions.key_admin.content_levels import LevelName
from functions.key_admin.models.content import ContentShown
from functions.key_admin.models.fields import Sent, Ulid


class ContentRulesQuery(Sent):
    """Of whom; without either of the organisation."""

    key_id: Ulid | None = None
    team_id: Ulid | None = None

    @model_validator(mode="after")
    def _of_one(self) -> "ContentRulesQuery":
        if self.key_id is not None and self.team_id is not None:
            raise ValueError("give key_id, team_id or neither: a key's team is looked up")
        return self


class LevelRules(ContentShown):
    """A level, and what it says itself."""

    level: LevelName
    id: str
    name: str


class ContentRulesAnswer(BaseModel):
    """What each level says, and which of them hold."""

    levels: list[LevelRules] = Field(description="nearest first")
    redaction: LevelName | None = Field(description="the level whose redaction holds, whole")
    content_policy: list[LevelName] = Field(description="the levels whose policies hold together")
    response_cache: LevelName | None = Field(description="the level whose response cache holds")
