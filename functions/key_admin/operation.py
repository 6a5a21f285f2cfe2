"""One operation of the admin API: what it takes, what it does, what it answers.

Everything that all of them share happens here, once: who calls and whether they may, reading and
checking what was sent, and what the OpenAPI document says of it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from common.domain.roles import Actor, Rule, Scope
from common.identifiers import new_ulid
from common.store import audit
from common.store.database import Connection
from functions.key_admin import idempotency
from functions.key_admin.bodies import BODY_BYTES_MAX, read_bytes, read_model, read_query
from functions.key_admin.identity.identify import check_role, identify
from functions.key_admin.problem import Problem, invalid_field
from functions.key_admin.services import Services, services

_Sent = TypeVar("_Sent", bound=BaseModel)
# In the scope of a request: what rows of the trail it has left.
AUDITED = "relay.audited"


class Call:
    """One call, authenticated and read. `body` and `query` are what the operation declares."""

    def __init__(
        self, parts: Services, request: Request, raw_body: bytes, actor: Actor | None = None
    ) -> None:
        self.services = parts
        self._actor = actor
        self.request = request
        self.raw_body = raw_body
        self.body: BaseModel | None = None
        self.query: BaseModel | None = None
        self.path: dict[str, str] = request.path_params
        # Whether Redis was given what is not committed yet.
        self.projected_ahead = False
        # Whether the handler has looked at what its caller may see.
        self.scope_was_read = False

    @property
    def actor(self) -> Actor:
        """Who calls."""
        if self._actor is None:
            raise TypeError("the operation asks nobody who they are")
        return self._actor

    @property
    def scope(self) -> Scope:
        """What the caller may see."""
        self.scope_was_read = True
        return self.actor.scope

    @property
    def request_id(self) -> str:
        """The ULID that answer, log and audit row carry."""
        value: str = self.request.scope["relay.request_id"]
        return value

    def sent(self, model: type[_Sent]) -> _Sent:
        """The body or the query, whichever is of that model."""
        for given in (self.body, self.query):
            if isinstance(given, model):
                return given
        raise TypeError(f"the operation declares no {model.__name__}")

    async def audit(
        self,
        connection: Connection,
        action: str,
        subject_id: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        of_many: bool = False,
    ) -> None:
        """Leave a row in the trail; `before` and `after` hold no secret.

        The row has the request's id; `of_many`, one of its own, and the request's in its detail.
        So has every row after the first of a request: a form of the console may make many calls.
        """
        left = self.request.scope.setdefault(AUDITED, [])
        of_many = of_many or bool(left)
        left.append(action)
        await audit.write(
            connection,
            audit_id=new_ulid() if of_many else self.request_id,
            actor=self.actor.label,
            via=via(self.actor),
            action=action,
            subject_kind=action.partition(".")[0],
            subject_id=subject_id,
            address=self.request.scope["relay.address"],
            detail={"before": before, "after": after}
            | ({"request_id": self.request_id} if of_many else {}),
        )

    def repeatable(self, collection: str | None = None) -> idempotency.Call | None:
        """The call's `Idempotency-Key`, if it has one. Raises `Problem`.

        `collection` is the path below which is found what the call makes.
        """
        # Nobody is given what another one's call has made, nor what was theirs in another scope.
        seen = self.scope.bounds()
        whose = "" if self.actor.way == "master-key" else f" {self.actor.subject} {seen}"
        return idempotency.read_call(self.request, collection, self.raw_body, whose)

    def check_version(self, version: int | str) -> None:
        """Compare `If-Match` with the resource's version. Raises `Problem` 412."""
        given = self.request.headers.get("if-match")
        if given is None or given.strip() == "*":
            return
        if etag(version) not in [one.strip().removeprefix("W/") for one in given.split(",")]:
            raise Problem(
                412,
                "Changed meanwhile",
                "The resource is not the one that If-Match names: get it again, then change it.",
                headers={"etag": etag(version)},
            )


Handler = Callable[[Call], Awaitable[Response]]


class Operation(msgspec.Struct, frozen=True):
    """What the routes and the OpenAPI document are made of.

    `may` says who may call. `refusals` are the statuses of its own; those that every operation may
    answer are added.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    may: Rule
    status: int = 200
    answer: type[BaseModel] | None = None
    answer_type: str = "application/json"
    body: type[BaseModel] | None = None
    body_required: bool = True
    body_bytes_max: int = BODY_BYTES_MAX
    query: type[BaseModel] | None = None
    idempotent_by_key: bool = False
    versioned: bool = False
    refusals: tuple[int, ...] = ()

    @property
    def _nothing_sent(self) -> bytes:
        return b"" if self.body_required else b"{}"

    async def __call__(self, request: Request) -> Response:
        """Serve a call. Raises `Problem`, and what means that a store is away."""
        return await self.serve(
            request, None if self.may.public else await identify(services(), request)
        )

    async def serve(self, request: Request, actor: Actor | None) -> Response:
        """The same for somebody who is known already; None where anybody may call."""
        parts = services()
        if actor is not None:
            check_role(actor, self.may, self.area)
        call = Call(parts, request, b"", actor)
        if self.query is not None:
            call.query = read_query(request, self.query)
        elif request.query_params:
            name = next(iter(request.query_params))
            raise invalid_field(name, "is not a parameter of this call")
        if self.body is not None:
            call.raw_body = await read_bytes(
                request, required=self.body_required, bytes_max=self.body_bytes_max
            )
            call.body = read_model(call.raw_body or self._nothing_sent, self.body)
        try:
            answer = await self.handler(call)
        except Exception:
            if call.projected_ahead:
                # It was not committed: Redis gets back what holds. What it cannot get now, the
                # next change or cleanup gives it.
                await parts.bring_projection_up_to_date()
            raise
        self._check_scoped(call, actor)
        return answer

    @property
    def area(self) -> str:
        """What a service account may be bound to: the tag in lower case."""
        return self.tag.lower().replace(" ", "-")

    def _check_scoped(self, call: Call, actor: Actor | None) -> None:
        """Whoever sees a part gets no answer that was made without asking which."""
        if actor is None or self.may.shared or actor.scope.everything or call.scope_was_read:
            return
        raise RuntimeError(f"{self.method} {self.path} did not look at its caller's scope")


def via(actor: Actor) -> str:
    """By what the actor was known, for the audit trail."""
    if actor.way == "service-account":
        return actor.subject.partition(":")[2]
    return actor.session_id or ""


def etag(version: int | str) -> str:
    """A version as an entity tag (RFC 9110, 8.8.3)."""
    return f'"{version}"'


def answered(
    model: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A model as the JSON answer."""
    return Response(model.model_dump_json(), status, headers=headers, media_type="application/json")
