"""Parse: the route, the credential and the body, before anything else is asked."""

from typing import Any, cast

from common.asgi import BodyTooLarge
from common.caller import presented_key
from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import JSON, BadRequest, Operation, PathOperation
from common.domain.keys import hash_presented
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.caller_body import BODY_BYTES_MAX, CallerBody, refusal_of
from functions.relay.endpoints import Endpoint, dialect_of, find_endpoint, methods_of
from functions.relay.open_request import OpenRequest
from functions.relay.upload import KEPT_BYTES_MAX, Upload


def find_route(request: OpenRequest, scope: dict[str, Any]) -> Endpoint:
    """The endpoint of path and method; sets the dialect to answer in. Raises `Refused`."""
    path = scope["path"]
    endpoint, request.path_id = find_endpoint(path, scope["method"])
    dialect = endpoint.dialect if endpoint is not None else None
    request.dialect = DIALECTS[dialect or dialect_of(path, request.headers)]
    if endpoint is None:
        message = f"Unknown request URL: {path}"
        raise Refused(Refusal(Reason.UNKNOWN_ROUTE, message))
    request.method = scope["method"]
    if request.method not in endpoint.methods:
        allowed = ", ".join(methods_of(endpoint))
        message = f"{path} takes {allowed}, not {request.method}"
        raise Refused(Refusal(Reason.METHOD_NOT_ALLOWED, message, allow=allowed))
    request.endpoint = endpoint
    request.own_operation = request.operation = OPERATIONS.get(endpoint.name)
    if endpoint.dialect == "gemini":
        request.query = scope["query_string"].decode("latin-1")
    return endpoint


def read_key(request: OpenRequest) -> None:
    """The hash of the caller's key, from any of the headers SDKs use. Raises `Refused`."""
    secret = presented_key(request.headers)
    if not secret and request.query:
        from urllib.parse import parse_qs

        # As Google takes it. No log of Relay's, nor of its edge, has a query.
        secret = parse_qs(request.query).get("key", [""])[-1].strip()
    if not secret:
        message = (
            "No API key was given. Send yours as `Authorization: Bearer <key>` or `x-api-key`."
        )
        raise Refused(Refusal(Reason.MISSING_KEY, message))
    request.key_hash = hash_presented(secret)


async def read_body(request: OpenRequest, body: CallerBody) -> None:
    """Read the body, and what routing needs of it. Raises `Refused` naming the field at fault.

    Whole, or of a long form as much as it takes to ask a provider: the rest is `request.upload`.
    """
    operation = request.operation
    if operation is None:
        raise ValueError("only an endpoint with an operation has a body")
    length = _check_content(request)
    try:
        if request.path_id:
            operation = _for_path(request)
        reader = operation.arriving_request(request.content_type)
        short = length is not None and length <= KEPT_BYTES_MAX
        # Rules of content are about all of it.
        if reader is None or short or request.content:
            request.body = await body.read_rest(length)
            request.body_size = len(request.body)
            request.parsed = operation.parse_request(request.body, request.content_type)
            return
        chunks: list[bytes] = []
        while not reader.is_routable and (chunk := await body.read_chunk()):
            reader.feed(chunk)
            chunks.append(chunk)
        if not reader.is_routable:
            reader.end()
        request.parsed = reader.parsed()
        request.upload = Upload(request, body, reader, b"".join(chunks), length)
    except (BodyTooLarge, BadRequest) as error:
        raise Refused(refusal_of(error)) from None


def _for_path(request: OpenRequest) -> Operation:
    """The operation of an endpoint whose model stands in its path. Raises `BadRequest`."""
    operation = cast(PathOperation, request.own_operation)
    request.own_operation = request.operation = operation.for_path(request.path_id, request.query)
    return request.own_operation


def _check_content(request: OpenRequest) -> int | None:
    """The length that is announced, if any. Raises `Refused`."""
    announced = request.header(b"content-length") or ""
    length = int(announced) if announced.isdecimal() else None
    if length is not None and length > BODY_BYTES_MAX:
        raise Refused(refusal_of(BodyTooLarge()))
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

    return length
