"""What an organisation, a team or a key says of the content of requests and answers. Pure.

The policies of all levels hold together: a key cannot loosen what its team says.
"""

import re
from typing import Any, Literal

import msgspec

from common.domain.field_errors import FieldError, InvalidPolicy, converted
from common.domain.http_addresses import webhook_address
from common.domain.linear_patterns import InvalidPattern, compiled

# `block` refuses the request or breaks its answer off, `flag` only says that it matched.
Verdict = Literal["block", "flag"]
Where = Literal["input", "output", "both"]
Phase = Literal["input", "output"]
# What becomes of what a webhook should have judged, while it gives no answer that is one.
OnFailure = Literal["block", "allow"]
# What becomes of a stream that a webhook judges: nothing is sent before the verdict on the whole,
# or all but its end is.
Streams = Literal["hold", "end"]

CHARACTERS_MAX = 100_000_000
PATTERNS_MAX = 50
NAME_CHARACTERS_MAX = 64
URL_CHARACTERS_MAX = 500
TIMEOUT_MS_MIN, TIMEOUT_MS_MAX = 50, 30_000
TIMEOUT_MS_DEFAULT = 2_000
_NAME = re.compile("[a-z0-9][a-z0-9_.-]*")


class ContentPattern(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A pattern in RE2's syntax; its name is what callers, logs and records are told of it."""

    name: str
    pattern: str
    verdict: Verdict
    where: Where = "both"


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who is asked for a verdict on the text of requests, of answers, or of both."""

    url: str
    phases: tuple[Phase, ...] = ("input",)
    timeout_ms: int = TIMEOUT_MS_DEFAULT
    on_failure: OnFailure = "block"
    streams: Streams = "hold"


class ContentPolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bounds and verdicts of one level. `input_characters_max` counts all text of a request."""

    input_characters_max: int | None = None
    patterns: tuple[ContentPattern, ...] = ()
    webhook: Webhook | None = None


def read_content_policy(value: Any) -> ContentPolicy:
    """A policy from JSON values. Raises `InvalidPolicy` naming each field at fault."""
    policy = converted(value, ContentPolicy, "content_policy")
    errors = [*_size_errors(policy), *_pattern_errors(policy)]
    if policy.webhook is not None:
        errors += _webhook_errors(policy.webhook)
    if errors:
        raise InvalidPolicy(errors)
    return policy


def _size_errors(policy: ContentPolicy) -> list[FieldError]:
    most = policy.input_characters_max
    if most is None or 1 <= most <= CHARACTERS_MAX:
        return []
    return [FieldError("input_characters_max", f"must be from 1 to {CHARACTERS_MAX} characters")]


def _pattern_errors(policy: ContentPolicy) -> list[FieldError]:
    errors = []
    if len(policy.patterns) > PATTERNS_MAX:
        message = f"at most {PATTERNS_MAX} patterns, not {len(policy.patterns)}"
        errors.append(FieldError("patterns", message))
    names: set[str] = set()
    for place, one in enumerate(policy.patterns[:PATTERNS_MAX]):
        field = f"patterns[{place}]"
        if not _NAME.fullmatch(one.name) or len(one.name) > NAME_CHARACTERS_MAX:
            message = (
                f"small letters, digits, dots, dashes and _, at most {NAME_CHARACTERS_MAX}: "
                "callers read it"
            )
            errors.append(FieldError(f"{field}.name", message))
        elif one.name in names:
            errors.append(FieldError(f"{field}.name", f"{one.name} is another pattern's, too"))
        names.add(one.name)
        try:
            compiled(one.pattern)
        except InvalidPattern as error:
            errors.append(FieldError(f"{field}.pattern", str(error)))
    return errors


def _webhook_errors(webhook: Webhook) -> list[FieldError]:
    errors = []
    try:
        webhook_address(webhook.url)
    except ValueError as error:
        errors.append(FieldError("webhook.url", str(error)))
    if len(webhook.url) > URL_CHARACTERS_MAX:
        errors.append(FieldError("webhook.url", f"at most {URL_CHARACTERS_MAX} characters"))
    if not webhook.phases or len(set(webhook.phases)) != len(webhook.phases):
        errors.append(FieldError("webhook.phases", "must name input, output or both, each once"))
    if not TIMEOUT_MS_MIN <= webhook.timeout_ms <= TIMEOUT_MS_MAX:
        message = f"must be from {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX} ms"
        errors.append(FieldError("webhook.timeout_ms", message))
    return errors
