"""The admin API, asked in the same process: what a page shows or does is an operation's."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.domain.roles import Actor
from functions.key_admin.application import OPERATIONS
from functions.key_admin.identity.identify import check_role
from functions.key_admin.operation import AUDITED, Operation

_FORWARDED = (b"user-agent",)


class Answer(msgspec.Struct, frozen=True):
    """What an operation answered. `etag` is empty where it has none."""

    status: int
    body: Any
    etag: str


class Asking:
    """Asks for the person behind a request: the operation checks what that person may."""

    def __init__(self, request: Request, actor: Actor | None) -> None:
        self._request = request
        self._actor = actor
        # All calls of a page are of one request.
        self._audited: list[str] = []

    def may(self, method: str, path: str) -> bool:
        """Whether the operation admits that person at all."""
        operation, _ = _found(method, path)
        return self._actor is not None and operation.may.admits(self._actor, operation.area)

    def check(self, operations: Sequence[str]) -> None:
        """Raises `Problem` 403 when none of the operations, `METHOD /path`, admits that person."""
        asked = [one.partition(" ") for one in operations]
        if not any(self.may(method, path) for method, _, path in asked):
            method, _, path = asked[0]
            self._check(_found(method, path)[0])

    def _check(self, operation: Operation) -> None:
        if self._actor is None:
            raise TypeError("nobody is signed in")
        check_role(self._actor, operation.may, operation.area)

    async def get_if_admitted(self, path: str, otherwise: Any, /, **query: Any) -> Any:
        """As `get`; `otherwise` for a person whom the operation does not admit."""
        return await self.get(path, **query) if self.may("GET", path) else otherwise

    async def get(self, path: str, /, **query: Any) -> Any:
        """The answer's body. `path` is filled in already. Raises `Problem`."""
        return (await self.ask("GET", path, query=query)).body

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        version: str = "",
        once: str = "",
    ) -> Answer:
        """`version` is the entity tag that must hold still, `once` the key of a repeatable call."""
        answer = await self.raw(method, path, query=query, body=body, version=version, once=once)
        content = bytes(answer.body)
        return Answer(
            status=answer.status_code,
            body=msgspec.json.decode(content) if content else None,
            etag=answer.headers.get("etag", ""),
        )

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        version: str = "",
        once: str = "",
    ) -> Response:
        """The answer as it is, for one that streams."""
        operation, parameters = _found(method, path)
        if not operation.may.public:
            # Before the body is made, which may be large.
            self._check(operation)
        content = b"" if body is None else msgspec.json.encode(body)
        headers = [one for one in self._request.scope["headers"] if one[0] in _FORWARDED]
        headers += self._own_headers(content, body is not None, version, once)
        chosen = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        scope = {
            **self._request.scope,
            "method": method,
            "path": path,
            "path_params": parameters,
            "query_string": urlencode(chosen).encode(),
            "headers": headers,
            AUDITED: self._audited,
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        actor = None if operation.may.public else self._actor
        return await operation.serve(Request(scope, receive), actor)

    def _own_headers(
        self, content: bytes, has_body: bool, version: str, once: str
    ) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = []
        if has_body:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", str(len(content)).encode()))
        if version:
            headers.append((b"if-match", version.encode("latin-1", "replace")))
        if once:
            headers.append((b"idempotency-key", once.encode("latin-1", "replace")))
        return headers


@lru_cache(maxsize=1)
def _by_length() -> dict[tuple[str, int], list[tuple[list[str], Operation]]]:
    found: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
    for operation in OPERATIONS:
        steps = operation.path.split("/")
        found.setdefault((operation.method, len(steps)), []).append((steps, operation))
    return found


def _found(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation and what its path names. A value stands in it percent-encoded."""
    given = path.split("/")
    candidates = _by_length().get((method, len(given)), [])
    # A path that is written out counts before one with a name in its place.
    for steps, operation in sorted(candidates, key=lambda one: one[1].path.count("{")):
        if all(a == b or a.startswith("{") for a, b in zip(steps, given, strict=True)):
            names = {
                a.strip("{}"): unquote(b)
                for a, b in zip(steps, given, strict=True)
                if a.startswith("{")
            }
            return operation, names
    raise LookupError(f"there is no operation {method} {path}")
