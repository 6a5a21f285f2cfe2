"""Trying rules of content on a text, as sent and as answered."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from common.domain.content_policy import Verdict, Where
from common.redaction.policy import Action
from functions.key_admin.models.content import ContentPolicy, Redaction
from functions.key_admin.models.fields import Sent, Ulid

TEXT_CHARACTERS_MAX = 200_000


class ContentTrial(Sent):
    """A text, and the rules to try on it: those that are sent, or those that hold for somebody."""

    text: str = Field(
        max_length=TEXT_CHARACTERS_MAX, description="is neither kept nor logged anywhere"
    )
    policy: Redaction | None = Field(default=None, description="as in `redaction` of a key")
    content_policy: ContentPolicy | None = None
    key_id: Ulid | None = Field(default=None, description="what holds for this key")
    team_id: Ulid | None = Field(default=None, description="what holds for this team")
    organisation: bool = Field(default=False, description="what holds for everybody")

    @property
    def of_nobody(self) -> bool:
        """Whether the rules are those that are sent."""
        return self.key_id is None and self.team_id is None and not self.organisation

    @model_validator(mode="after")
    def _one_of(self) -> "ContentTrial":
        sent = self.policy is not None or self.content_policy is not None
        whose = (sent, self.key_id is not None, self.team_id is not None, self.organisation)
        if sum(whose) != 1:
            raise ValueError(
                "give policy, content_policy or both; or one of key_id, team_id and organisation"
            )
        return self


class TrialFinding(BaseModel):
    """A finding: characters `start` to `end` (exclusive) of the text, counted from 0."""

    start: int
    end: int
    entity: str
    action: Action
    score: float = Field(description="how sure it is, 0 to 1")


class TrialVerdict(BaseModel):
    """What of a policy the text falls under."""

    by: Literal["redaction", "content_policy"]
    rule: str = Field(description="entity, pattern's name, or `input_characters_max`")
    verdict: Verdict
    where: Where = Field(description="of a request, an answer, or both")


class ContentTried(BaseModel):
    """What would become of the text in a request. Webhooks are not asked."""

    findings: list[TrialFinding]
    redacted_text: str | None = Field(
        description="what a provider would see, but for placeholders' codes, which are made up; "
        "null: nothing, because the request would be refused"
    )
    verdicts: list[TrialVerdict]
    model: Literal["not_needed", "asked", "not_asked"] = Field(
        description="`not_asked`: the policy wants the function `pii`, and it gave no answer: "
        "these are the findings of the patterns alone"
    )
