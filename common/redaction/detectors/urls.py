"""URLs with credentials: user information before the host, or secrets in the query."""

import re
from collections.abc import Iterator

from common.redaction.detectors.base import SURE
from common.redaction.entities import URL_CREDENTIALS
from common.redaction.found import Found

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,24}\Z")
# A user and a password, or a long token alone (`https://ghp_…@github.com`).
_USER_INFORMATION = re.compile(
    r"://(?:[^\s:/?#@\"'<>]{0,128}:[^\s/?#@\"'<>]{1,256}|[A-Za-z0-9_.~%+-]{20,256})"
    r"@[^\s\"'<>)\]}|,;]{1,256}"
)
_QUERY = re.compile(
    r"://[^\s\"'<>?]{1,300}\?[^\s\"'<>#]{0,300}?(?:(?<=[?&])|(?<=\?))"
    r"(?:access_token|api_?key|apikey|auth|client_secret|password|passwd|pwd|secret|sig|token"
    r"|X-Amz-Signature)=(?P<value>[^\s\"'<>&#]{6,400})",
    re.IGNORECASE,
)
# What documentation writes in place of a password.
_EXAMPLE = re.compile(
    r"://[^:]{0,128}:(?:\$\{?|<|\{\{|\[|%[A-Z]|\*{2}|x{3,}|password@|pass@|pwd@)", re.IGNORECASE
)


class UrlDetector:
    """Around each `://`: the whole URL with user information, or the query's secret value."""

    entities = frozenset({URL_CREDENTIALS})
    gate = None

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`; a URL belongs to the part where its `://` stands."""
        at = text.find("://", start, min(len(text), stop + 2))
        while at >= 0:
            yield _around(text, at)
            at = text.find("://", at + 3, min(len(text), stop + 2))


def _around(text: str, at: int) -> Found | None:
    scheme = _SCHEME.search(text[max(0, at - 25) : at])
    if scheme is None:
        return None
    limit = min(len(text), at + 1100)
    match = _USER_INFORMATION.match(text, at, limit)
    if match is not None:
        if _EXAMPLE.match(text, at, limit):
            return None
        end = at + len(match.group().rstrip(".:!"))
        return Found(at - len(scheme.group()), end, URL_CREDENTIALS, SURE)
    match = _QUERY.match(text, at, limit)
    return None if match is None else Found(*match.span("value"), URL_CREDENTIALS, SURE)
