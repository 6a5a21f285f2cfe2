"""AWS's Signature Version 4, checked (docs.aws.amazon.com/IAM/latest/UserGuide)."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from echo_provider.connection import Request
from echo_provider.refusals import Refusal

# The only credential there is; a session token may come with it.
ACCESS_KEY_ID = "AKIAECHOPROVIDER0000"
SECRET_ACCESS_KEY = "echo/secret+access/key/of/nobody/at/all0"  # noqa: S105
SERVICE = "bedrock"
_SKEW = timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=([^/, ]+)/(\d{{8}})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*"
    r"SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})"
)
_NEEDED = ("host", "x-amz-date")


def check_signature(request: Request, now: datetime | None = None) -> None:
    """Raises `Refusal` (403) unless the request is signed as it stands, by the known credential."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise _refusal("IncompleteSignatureException", "Authorization header is not a signature.")
    key_id, day, region, service, names, signature = found.groups()
    if key_id != ACCESS_KEY_ID:
        text = "The security token included in the request is invalid."
        raise _refusal("UnrecognizedClientException", text)
    stamp = request.headers.get("x-amz-date", "")
    _check_time(stamp, day, now or datetime.now(UTC))
    signed = names.split(";")
    unsigned = [name for name in request.headers if name.startswith("x-amz-")]
    for name in (*_NEEDED, *unsigned):
        if name not in signed:
            raise _refusal("InvalidSignatureException", f"'{name}' must be a signed header.")
    if service != SERVICE:
        text = f"Credential should be scoped to correct service: '{SERVICE}'."
        raise _refusal("InvalidSignatureException", text)
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(_canonical(request, signed).encode()).hexdigest()
    wanted = _hmac(_key(day, region), f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}").hex()
    if not hmac.compare_digest(wanted, signature):
        text = "The request signature we calculated does not match the signature you provided. "
        text += "Check your AWS Secret Access Key and signing method. Consult the service "
        raise _refusal("InvalidSignatureException", f"{text}documentation for details.")


def _check_time(stamp: str, day: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _refusal("InvalidSignatureException", "No X-Amz-Date.") from error
    if abs(signed_at - now) > _SKEW or not stamp.startswith(day):
        raise _refusal("InvalidSignatureException", f"Signature not current: {stamp}")


def _canonical(request: Request, signed: list[str]) -> str:
    """The request as it is signed: the path encoded once more than it was sent."""
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(one, safe='-_.~')}" for name, one in pairs)
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed
    )
    body = hashlib.sha256(request.body).hexdigest()
    path = quote(request.raw_path, safe="/-_.~")
    return "\n".join((request.method, path, query, headers, ";".join(signed), body))


def _key(day: str, region: str) -> bytes:
    key = f"AWS4{SECRET_ACCESS_KEY}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _refusal(code: str, text: str) -> Refusal:
    return Refusal(403, text, code=code)
