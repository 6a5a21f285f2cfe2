"""Parse: the route, the credential and the body, before anything else is asked."""

from typing import Any

from common.asgi import BodyTooLarge
from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import JSON, BadRequest
from common.domain.keys import hash_key
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.caller_body import BODY_BYTES_MAX, CallerBody
from functions.relay.endpoints import Endpoint, dialect_of, find_endpoint
from functions.relay.open_request import OpenRequest

KEY_CHARACTERS_MAX = 512
_KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")


def find_route(request: OpenRequest, scope: dict[str, Any]) -> Endpoint:
    """The endpoint of path and method; sets the dialect to answer in. Raises `Refused`."""
    path = scope["path"]
    endpoint, request.path_id = find_endpoint(path)
    dialect = endpoint.dialect if endpoint is not None else None
    request.dialect = DIALECTS[dialect or dialect_of(path, request.headers)]
    if endpoint is None:
        raise Refused(Refusal(Reason.UNKNOWN_ROUTE, f"Unknown request URL: {path}"))
    request.method = scope["method"]
    if request.method not in endpoint.methods:
        allowed = ", ".join(endpoint.methods)
        message = f"{path} takes {allowed}, not {request.method}"
        raise Refused(Refusal(Reason.METHOD_NOT_ALLOWED, message, allow=allowed))
    request.endpoint = endpoint
    request.operation = OPERATIONS.get(endpoint.name)
    return endpoint


def read_key(request: OpenRequest) -> None:
    """The hash of the caller's key, from any of the headers SDKs use. Raises `Refused`."""
    secret = _presented_key(request)
    if not secret:
        message = (
            "No API key was given. Send yours as `Authorization: Bearer <key>` or `x-api-key`."
        )
        raise Refused(Refusal(Reason.MISSING_KEY, message))
    if len(secret) > KEY_CHARACTERS_MAX:
        raise Refused(Refusal(Reason.UNKNOWN_KEY, "Incorrect API key provided."))
    request.key_hash = hash_key(secret)


async def read_body(request: OpenRequest, body: CallerBody) -> None:
    """The whole body, bounded. Raises `Refused`."""
    _check_content(request)
    try:
        request.body = await body.read_rest()
    except BodyTooLarge:
        raise Refused(_too_large()) from None


def parse_body(request: OpenRequest) -> None:
    """What routing needs of the body. Raises `Refused` naming the field at fault."""
    if request.operation is None:
        raise ValueError("only an endpoint with an operation has a body")
    try:
        request.parsed = request.operation.parse_request(request.body, request.content_type)
    except BadRequest as error:
        reason = Reason.REQUEST_TOO_LARGE if error.status == 413 else Reason.INVALID_REQUEST
        raise Refused(Refusal(reason, error.message, field=error.field)) from None


def _presented_key(request: OpenRequest) -> str:
    authorization = request.header(b"authorization")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
    for name in _KEY_HEADERS:
        if value := request.header(name):
            return value.strip()
    return ""


def _check_content(request: OpenRequest) -> None:
    length = request.header(b"content-length")
    if length is not None and length.isdigit() and int(length) > BODY_BYTES_MAX:
        raise Refused(_too_large())
    wanted = request.operation.media_type if request.operation is not None else JSON
    media_type = request.content_type.partition(";")[0].strip().lower()
    if media_type != wanted:
        message = (
            f"Content-Type {media_type or '(none)'} is not supported here: "
            f"send `Content-Type: {wanted}`"
        )
        raise Refused(Refusal(Reason.UNSUPPORTED_MEDIA_TYPE, message, field="content-type"))
    encoding = (request.header(b"content-encoding") or "identity").lower()
    if encoding != "identity":
        message = f"Content-Encoding {encoding} is not supported: send the body uncompressed"
        raise Refused(Refusal(Reason.UNSUPPORTED_MEDIA_TYPE, message, field="content-encoding"))


def _too_large() -> Refusal:
    most = BODY_BYTES_MAX // (1024 * 1024)
    return Refusal(Reason.REQUEST_TOO_LARGE, f"The request body exceeds {most} MiB")
