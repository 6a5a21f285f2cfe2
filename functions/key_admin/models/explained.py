"""A request that might come, as it is described, and the route that it would take."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from common.domain.routing_explained import State
from common.domain.routing_points import Speaks
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import Name, Sent, Time, Ulid, split
from functions.key_admin.models.routing import CONDITION_MAX, AliasRuleFields

Endpoint = Literal[
    "chat.completions",
    "completions",
    "responses",
    "messages",
    "embeddings",
    "moderations",
    "images.generations",
    "audio.speech",
    "audio.transcriptions",
    "gemini.generate",
]


def _headers(value: Any) -> Any:
    """A line each, `name: value`; a line that is none is left for the pattern to refuse."""
    if not isinstance(value, str):
        return value
    lines = [line.partition(":") for line in value.splitlines() if line.strip()]
    return {name.strip().lower(): text.strip() for name, _, text in lines}


def _named(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not patterns.HEADER_NAME.fullmatch(name) or not value:
            raise ValueError("must be `name: value`, a line each, such as x-tier: fast")
    return headers


class ExplainQuery(Sent):
    """A request that might come: which model it asks for at which endpoint, and with which key.

    With `team` in the place of `key`: with a key of that team that has no rules of its own.
    """

    model: Name
    key: Ulid | None = Field(default=None, description="the key's id")
    team: Ulid | None = Field(default=None, description="the team's id, without a key")
    endpoint: Endpoint = "chat.completions"
    tags: Annotated[
        list[Name] | None,
        BeforeValidator(split),
        Field(max_length=CONDITION_MAX),
        WithJsonSchema(
            {"type": "string", "description": "in the place of the key's, separated by commas"}
        ),
    ] = None
    headers: Annotated[
        dict[str, str],
        BeforeValidator(_headers),
        AfterValidator(_named),
        Field(max_length=CONDITION_MAX),
        WithJsonSchema({"type": "string", "description": "of the request: `name: value` lines"}),
    ] = Field(default_factory=dict)
    input_tokens: int = Field(default=0, ge=0, le=10**9, description="how large the input is")
    tools: bool = Field(default=False, description="whether the request offers tools")
    images: bool = Field(default=False, description="whether it shows images")


class PointShown(BaseModel):
    """What speaks for or against."""

    code: str
    speaks: Speaks = Field(
        description="`out` leaves it out whatever happens, `against` at this moment"
    )
    text: str
    values: dict[str, str | int] = Field(description="what the text is filled in with")


class AccountExplained(BaseModel):
    """An account, and why it stands where it stands."""

    account_id: str
    name: str
    provider: str
    region: str
    stands_for: str = Field(description="the model of `ways` that it is asked for")
    model: str = Field(description="what is asked for; of a fallback another one")
    fallback: bool
    served_model: str
    tier: int | None = Field(description="the least is asked first; null: it may not serve")
    priority: int
    weight: int
    open_requests: int
    most_open: int = Field(description="how many it may serve at once; 0: no bound")
    state: State
    rests_ms: int
    rests_until: Time | None
    share: float = Field(description="the part of such requests that it would get now, of 1")
    why: str
    points: list[PointShown]


class RuleExplained(BaseModel):
    """A rule of the alias that was asked for."""

    rule: AliasRuleFields
    taken: bool = Field(description="it is the first that holds")
    unmet: str | None = Field(description="the condition that does not hold")


class FallbackExplained(BaseModel):
    """A model that a level lets stand in."""

    model: str
    level: str
    left_out: PointShown | None = Field(description="why it would not be asked")


class WayExplained(BaseModel):
    """A model that the request may stand for, and what part of such requests does."""

    model: str
    share: float = Field(description="of 1; of an alias's split its weight's part")
    refused: PointShown | None
    lacking: PointShown | None = Field(description="what the model is known to lack; it is asked")
    fallbacks: list[FallbackExplained]


class ExplainAnswer(BaseModel):
    """Which accounts a request would take at this moment, in which order, and why.

    Where the request could stand for several models (an alias's split), each is one of `ways`.
    """

    model: str
    models: list[str]
    refused: str | None = Field(description="why it would be refused; null: it would be admitted")
    refusals: list[PointShown] = Field(description="what of the key or a level refuses it")
    alias: list[RuleExplained] | None = Field(description="null: the model is no alias")
    tags: list[str]
    sticky_account_id: str | None = Field(description="the conversation's own, by the headers")
    ways: list[WayExplained]
    accounts: list[AccountExplained]
