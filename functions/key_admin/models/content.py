"""Rules of content, as sent and as answered: redaction, content policy, response cache.

Their members' types are checked here; what they mean, by the rules that relay follows.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from common.domain.content_policy import (
    CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PATTERNS_MAX,
    TIMEOUT_MS_DEFAULT,
    TIMEOUT_MS_MAX,
    TIMEOUT_MS_MIN,
    URL_CHARACTERS_MAX,
    OnFailure,
    Phase,
    Streams,
    Verdict,
    Where,
    read_content_policy,
)
from common.domain.content_rules import MEMBERS, ContentRules
from common.domain.field_errors import FieldError, InvalidPolicy
from common.domain.linear_patterns import PATTERN_CHARACTERS_MAX
from common.domain.response_cache import (
    ASKED_TTL_S_MAX,
    TTL_S_DEFAULT,
    TTL_S_MAX,
    Mode,
    read_cache_policy,
)
from common.redaction.policy import (
    ALLOWED_MAX,
    CUSTOM_MAX,
    REGIONS_MAX,
    Action,
    FailMode,
    RedactionPolicy,
    Tier,
    plan,
    read_policy,
)
from functions.key_admin.models.fields import Sent

Pattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=PATTERN_CHARACTERS_MAX,
        description="in RE2's syntax: no look-around, no references back",
    ),
]


class CustomEntityFields(Sent):
    """An entity of one's own, which a pattern finds."""

    entity: str = Field(description="its name: capitals, digits and _; it needs an action, too")
    pattern: Pattern
    score: float = Field(default=0.95, gt=0, le=1, description="how sure its findings are")


class RedactionFields(Sent):
    """What is found in requests (and answers), and what becomes of it before a provider sees it."""

    entities: dict[str, Action] = Field(
        description="entity or group (`CONTACT`, `FINANCIAL`, `NATIONAL_IDS`, `NETWORK`, "
        "`SECRETS`) to what becomes of it: `mask` puts a placeholder in its place and the value "
        "back into the answer, `redact` replaces it for good, `block` refuses the request, "
        "`observe` counts. `{}`: nothing is redacted, whatever the levels above say"
    )
    tier: Tier = Field(
        default="patterns",
        description="`model` also asks the function `pii`, which finds `PERSON`, `LOCATION`, "
        "`ORGANIZATION`, `NRP` and `DATE_OF_BIRTH`",
    )
    on_failure: FailMode = Field(
        default="deny",
        description="while `pii` gives no answer: `deny` refuses the request (503), `regex_only` "
        "goes on with what patterns find, `allow` leaves everything as it is",
    )
    allow: list[str] = Field(
        default_factory=list,
        max_length=ALLOWED_MAX,
        description="values that are left alone, whatever their case",
    )
    threshold: float = Field(
        default=0.5, ge=0, le=1, description="how sure a finding must be to count"
    )
    custom: list[CustomEntityFields] = Field(default_factory=list, max_length=CUSTOM_MAX)
    regions: list[str] = Field(
        default=["US"],
        max_length=REGIONS_MAX,
        description="ISO 3166: where phone numbers without a country's code are from",
    )
    output: bool = Field(default=False, description="whether answers are scanned, too")


class ContentPatternFields(Sent):
    """A pattern that text must not match."""

    name: str = Field(
        max_length=NAME_CHARACTERS_MAX, description="what callers and logs are told of it"
    )
    pattern: Pattern
    verdict: Verdict = Field(description="`block` refuses, `flag` only tells")
    where: Where = "both"


class WebhookFields(Sent):
    """A service of yours that judges text: it is sent what the provider would see."""

    url: str = Field(max_length=URL_CHARACTERS_MAX)
    phases: list[Phase] = Field(default=["input"], description="what it judges")
    timeout_ms: int = Field(default=TIMEOUT_MS_DEFAULT, ge=TIMEOUT_MS_MIN, le=TIMEOUT_MS_MAX)
    on_failure: OnFailure = Field(
        default="block", description="what becomes of text while it gives no verdict"
    )
    streams: Streams = Field(
        default="hold",
        description="of a stream that is judged, `hold` sends nothing before the verdict, `end` "
        "holds back its end alone",
    )


class ContentPolicyFields(Sent):
    """What is refused or flagged. The policies of all levels hold together."""

    input_characters_max: int | None = Field(
        default=None, ge=1, le=CHARACTERS_MAX, description="of all text of a request"
    )
    patterns: list[ContentPatternFields] = Field(default_factory=list, max_length=PATTERNS_MAX)
    webhook: WebhookFields | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ContentPolicyFields":
        if self.input_characters_max is None and not self.patterns and self.webhook is None:
            raise ValueError(
                "says nothing: give input_characters_max, patterns or webhook, or null for none"
            )
        return self


class ResponseCacheFields(Sent):
    """Whose answers are kept, and for how long."""

    mode: Mode = Field(
        description="`on`: unless a request says `x-relay-cache: off`; `opt_in`: where it says "
        "`x-relay-cache: on`; `off`: never, whatever the levels above say"
    )
    ttl_s: int = Field(default=TTL_S_DEFAULT, ge=1, le=TTL_S_MAX, description="seconds")
    ttl_s_max: int = Field(
        default=ASKED_TTL_S_MAX,
        ge=1,
        le=TTL_S_MAX,
        description="what a request may ask for at most by `x-relay-cache-ttl`",
    )


def checked_redaction(value: Any) -> RedactionPolicy:
    """A policy that can be followed, too. Raises `InvalidPolicy`."""
    from common.redaction.planned import scanner

    policy = read_policy(value)
    scanner(plan(policy))
    return policy


_READERS: dict[str, Callable[[Any], msgspec.Struct]] = {
    "redaction": checked_redaction,
    "content_policy": read_content_policy,
    "response_cache": read_cache_policy,
}


def content_faults(rules: Mapping[str, Any]) -> list[str]:
    """What is wrong with a level's rules as they are stored: each a field, and what to do."""
    faults: list[str] = []
    for name, reader in _READERS.items():
        try:
            if rules.get(name) is not None:
                reader(rules[name])
        except InvalidPolicy as invalid:
            faults += [f"{name}.{error.field}: {error.message}" for error in invalid.errors]
    return faults


def _told(errors: Iterable[FieldError]) -> ValidationError:
    """What the rules found, as pydantic has it: below the field that is being checked."""
    return ValidationError.from_exception_data(
        "policy",
        [
            InitErrorDetails(
                type=PydanticCustomError("policy", "{what}", {"what": error.message}),
                loc=(error.field,),
                input=None,
            )
            for error in errors
        ],
    )


def _followed(member: str) -> AfterValidator:
    def check(given: BaseModel | None) -> BaseModel | None:
        try:
            kept_rule(member, given)
        except InvalidPolicy as invalid:
            raise _told(invalid.errors) from None
        return given

    return AfterValidator(check)


def kept_rule(member: str, given: BaseModel | None) -> dict[str, Any] | None:
    """As it is stored and projected: without what is the default anyway."""
    if given is None:
        return None
    checked = _READERS[member](given.model_dump())
    # By way of JSON, so that it is equal to what comes back from the store.
    kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(checked))
    return kept


_NEAREST = "the nearest level that says something holds, whole; null says nothing"
_TOGETHER = "what all levels say holds together; null says nothing"
Redaction = Annotated[RedactionFields, _followed("redaction")]
ContentPolicy = Annotated[ContentPolicyFields, _followed("content_policy")]
ResponseCache = Annotated[ResponseCacheFields, _followed("response_cache")]


class ContentSent(Sent):
    """What is sent of them takes the old one's place; `null` takes it away."""

    redaction: Redaction | None = Field(default=None, description=_NEAREST)
    content_policy: ContentPolicy | None = Field(default=None, description=_TOGETHER)
    response_cache: ResponseCache | None = Field(default=None, description=_NEAREST)


class ContentShown(BaseModel):
    """What the level itself says; what other levels say may hold as well, or instead."""

    redaction: RedactionFields | None = Field(description=_NEAREST)
    content_policy: ContentPolicyFields | None = Field(description=_TOGETHER)
    response_cache: ResponseCacheFields | None = Field(description=_NEAREST)


def patched_content(content: ContentRules, given: BaseModel) -> ContentRules:
    """The rules with what was sent in the old ones' place."""
    sent = [name for name in MEMBERS if name in given.model_fields_set]
    changes = {name: kept_rule(name, getattr(given, name)) for name in sent}
    return msgspec.structs.replace(content, **changes) if changes else content


def shown_content(content: ContentRules) -> dict[str, Any]:
    """The members of an answer."""
    redaction = content.redaction
    return {
        "redaction": None if redaction is None else {"entities": {}} | redaction,
        "content_policy": content.content_policy,
        "response_cache": content.response_cache,
    }
