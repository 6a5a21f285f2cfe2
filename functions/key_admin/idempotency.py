"""`Idempotency-Key`: a repeated call gets the first one's answer and makes nothing twice.

The answer is kept encrypted for 15 minutes, since it may hold a key that is shown once; after that
the caller is told what it made (409).
"""

import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.encryption import decrypt, encrypt
from common.store import idempotency
from common.store.database import Connection
from common.store.idempotency import KeptReply
from functions.key_admin.problem import Problem, invalid_field
from functions.key_admin.services import Services

CHARACTERS_MAX = 255


class Call(msgspec.Struct, frozen=True):
    """A call that its caller may repeat: what stands for its key, and the digest of its body.

    What the call makes is found below `collection`, if it makes something that has a place.
    """

    token: str
    request_digest: bytes
    collection: str | None


def read_call(
    request: Request, collection: str | None, body: bytes, whose: str = ""
) -> Call | None:
    """The call's key, bound to method, path and caller; None without it. Raises `Problem`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= CHARACTERS_MAX or not key.isprintable():
        message = f"give 1 to {CHARACTERS_MAX} printable characters, e.g. a UUID"
        raise invalid_field("Idempotency-Key", message)
    token = idempotency.token_of(f"{request.method} {request.url.path}{whose}", key)
    return Call(token, hashlib.sha256(body).digest(), collection)


async def kept_reply(
    services: Services, connection: Connection, call: Call | None
) -> Response | None:
    """The answer of an earlier call, if there was one. Raises `Problem` 409 and 422."""
    if call is None:
        return None
    kept = await idempotency.find(connection, call.token)
    if kept is None:
        return None
    if kept.request_digest != call.request_digest:
        message = "was used with another body: a new call needs a new key"
        raise invalid_field("Idempotency-Key", message)
    body = _opened(services, kept, call)
    if body is None:
        raise Problem(
            409,
            "Already done",
            f"An earlier call with this Idempotency-Key made {kept.subject_id}; its answer is not "
            "kept any more.",
        )
    headers = {"idempotent-replayed": "true"}
    if call.collection is not None:
        headers["location"] = f"{call.collection}/{kept.subject_id}"
    return Response(body, kept.status, headers=headers, media_type="application/json")


async def keep(
    services: Services,
    connection: Connection,
    call: Call | None,
    subject_id: str,
    answer: Response,
) -> None:
    """Keep the answer, in the transaction that made what it speaks of."""
    if call is None:
        return
    body = encrypt(services.replies_key, bytes(answer.body), call.token)
    reply = KeptReply(call.request_digest, subject_id, answer.status_code, body)
    await idempotency.keep(connection, call.token, reply)


def _opened(services: Services, kept: KeptReply, call: Call) -> bytes | None:
    """The kept answer; None when its time is over, or the installation has another secret now."""
    if kept.body is None:
        return None
    try:
        return decrypt(services.replies_key, kept.body, call.token)
    except ValueError:
        return None
