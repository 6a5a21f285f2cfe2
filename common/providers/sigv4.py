"""AWS Signature Version 4. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html; checked in
tests against botocore, AWS's own signer.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from common.domain.credentials import Credential

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


def signed_headers(
    credential: Credential,
    *,
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    region: str,
    service: str,
    now_s: float,
) -> list[tuple[str, str]]:
    """The headers that authenticate a request, to be added to those that are given and signed.

    Names are lower-case. The `host` is signed as the URL has it, and not among the answer.
    """
    parts = urlsplit(url)
    moment = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("x-amz-date", moment)]
    if credential.session_token:
        added.append(("x-amz-security-token", credential.session_token))
    signed: dict[str, list[str]] = {"host": [parts.netloc]}
    for name, value in [*headers, *added]:
        signed.setdefault(name, []).append(" ".join(value.split()))
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method,
            quote(parts.path or "/", safe=f"/{_UNRESERVED}"),
            _canonical_query(parts.query),
            *(f"{name}:{','.join(signed[name])}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashed}"
    key = _signing_key(credential.secret_access_key, moment[:8], region, service)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    told = f"Credential={credential.access_key_id}/{scope}"
    authorization = f"{_ALGORITHM} {told}, SignedHeaders={names}, Signature={signature}"
    return [*added, ("authorization", authorization)]


# The same for a day.
@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical_query(query: str) -> str:
    """Names and values encoded anew, in their order."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=_UNRESERVED)
