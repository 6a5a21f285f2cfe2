"""Reading what callers send: a JSON body or a query, as a pydantic model."""

from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from common.asgi import Receive
from common.domain.ids import is_path_step, is_ulid
from common.unread_bodies import drain
from functions.key_admin.problem import Problem, invalid, not_found

BODY_BYTES_MAX = 1024 * 1024
# Of calls and forms that anybody may send: credentials, and nothing long.
PUBLIC_BODY_BYTES_MAX = 16 * 1024
# How much of a body that is not wanted is read, and thrown away, and for how long.
DRAIN_BYTES_MAX = 16 * 1024 * 1024
DRAIN_S_MAX = 10.0
NAME_CHARACTERS_MAX = 200
_Model = TypeVar("_Model", bound=BaseModel)


async def read_bytes(
    request: Request, *, required: bool = True, bytes_max: int = BODY_BYTES_MAX
) -> bytes:
    """The body, bounded. One that is not `required` may be missing. Raises `Problem`."""
    if not required and request.headers.get("content-length", "0") == "0":
        return b""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(
            415, "Unsupported media type", "Send the body as `Content-Type: application/json`."
        )
    return await read_stream(request, bytes_max)


async def read_stream(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body of whatever type, bounded. Raises `Problem` 400 and 413."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                raise Problem(413, "Body too large", f"A body has at most {bytes_max} bytes.")
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(400, "Body cut off", "The connection ended before the body did.") from None
    return b"".join(chunks)


def read_model(body: bytes, model: type[_Model]) -> _Model:
    """The body as that model. Raises `Problem`: 400 for what is no JSON, 422 for wrong fields.

    Strictly: `false` is no number of seconds, and `"0"` neither.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() == 1 and (one := error.errors()[0])["type"] == "json_invalid":
            raise Problem(400, "Malformed JSON", f"The body is no JSON: {one['msg']}") from None
        raise invalid(error, "body") from None


def read_query(request: Request, model: type[_Model]) -> _Model:
    """The query as that model; a name given twice counts once, its last. Raises `Problem`."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise invalid(error, "query") from None


def readable(content: bytes) -> Any:
    """What somebody sent once, to be looked at: JSON, or else the text that it is."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content.decode("utf-8", "backslashreplace")


def check_id(value: str, what: str) -> str:
    """An id in the path. Raises `Problem` 404 for what cannot be one."""
    if not is_ulid(value):
        raise not_found(f"There is no {what} with the id {value[:64]!r}.")
    return value


def check_name(value: str, what: str) -> str:
    """A name in the path. Raises `Problem` 404 for what cannot be one."""
    if (
        not value.strip()
        or not value.isprintable()
        or len(value) > NAME_CHARACTERS_MAX
        or not is_path_step(value)
    ):
        raise not_found(
            f"{value[:64]!r} is no name of {what}: that has 1 to {NAME_CHARACTERS_MAX} printable "
            "characters, and is neither . nor .."
        )
    return value


class Receiving:
    """ASGI's receive that knows whether the body has ended."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> dict[str, Any]:
        """The next message."""
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body")
        return message

    async def drain(self) -> None:
        """Throw away what is left, after an answer that needs none."""
        if not self._ended:
            await drain(self._receive, bytes_max=DRAIN_BYTES_MAX, s_max=DRAIN_S_MAX)
