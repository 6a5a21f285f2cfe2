"""What a content policy's webhook is sent, and what it may answer."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from common.domain.content_policy import Phase
from common.guardrails.whole_texts import Text

# More text than that is not sent: the webhook's fail mode says what becomes of it.
SENT_BYTES_MAX = 8 * 1024 * 1024
ANSWER_BYTES_MAX = 64 * 1024
REASON_CHARACTERS_MAX = 200
_LABEL = re.compile("[a-z0-9][a-z0-9_.-]{0,63}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]+")


class NoVerdict(Exception):
    """A webhook said nothing that is a verdict; the message says what, without its words."""


class Asked(msgspec.Struct, frozen=True):
    """The JSON that a webhook is sent. `texts` are redacted where redaction is set."""

    request_id: str
    phase: Phase
    endpoint: str
    model: str
    team_id: str | None
    key_id: str
    texts: list[dict[str, str]]


class Judged(NamedTuple):
    """A verdict. `reason` is for the caller; `label` is the same, where it is one word."""

    verdict: Literal["allow", "block", "flag"]
    reason: str
    label: str


class _Answer(msgspec.Struct):
    verdict: Literal["allow", "block", "flag"]
    reason: str = ""


_decoder = msgspec.json.Decoder(_Answer)


def key_purpose(url: str) -> str:
    """What the key of a webhook's signature is derived for (`common.secrets.derive`)."""
    return f"guardrail-webhook:{url}"


def body_of(asked: Asked) -> bytes:
    """The body. Raises `NoVerdict` where it would be too large."""
    body = msgspec.json.encode(asked)
    if len(body) > SENT_BYTES_MAX:
        raise NoVerdict(f"the text has more than {SENT_BYTES_MAX} bytes")
    return body


def texts_of(texts: Sequence[Text]) -> list[dict[str, str]]:
    """Texts as they are sent; halves of characters are replaced, since no JSON can hold them."""
    return [
        {"field": one.field, "text": one.text.encode("utf-8", "replace").decode()} for one in texts
    ]


def read_verdict(status: int, body: bytes) -> Judged:
    """The answer. Raises `NoVerdict`."""
    if status != 200:
        raise NoVerdict(f"it answered with status {status}")
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NoVerdict("it answered with something that is no verdict") from None
    reason = _UNPRINTABLE.sub(" ", answer.reason).strip()[:REASON_CHARACTERS_MAX]
    label = reason if _LABEL.fullmatch(reason) else ""
    return Judged(answer.verdict, reason, label)
