"""Requests in another format than the caller's: translated once, at the first use of each format.

Where all accounts speak the caller's dialect, nothing of this is imported.
"""

from typing import TypeVar

from common.dialects.base import BadRequest, Headers, Operation
from common.dialects.bounds import Unreadable
from common.dialects.worst_cases import BOUNDS, CAPS
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.reservation import Bound
from common.providers.base import Failure, own_target
from common.providers.targets import target_of
from common.translation.errors import message_of
from common.translation.formats import OPERATION_OF_FORMAT
from common.translation.operation import translated
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import UsableAccount

Account = TypeVar("Account", bound=UsableAccount)

BUSY_RETRY_MS = 1_000


class Translation:
    """One request in one format, by whichever name accounts have for its model."""

    def __init__(self, request: OpenRequest, target: str) -> None:
        if request.endpoint is None:
            raise ValueError("only a request with an endpoint is translated")
        self._request = request
        self.endpoint = OPERATION_OF_FORMAT[target]
        self.operation: Operation = translated(request.endpoint.name, target, request.id)
        self._bodies: dict[str, bytes] = {}
        self._bounds: dict[str, Bound] = {}

    def body(self, served: str) -> bytes:
        """What the provider is to be sent, without a cap. Raises `BadRequest`."""
        body = self._bodies.get(served)
        if body is None:
            request = self._request
            if request.parsed is None:
                raise ValueError("only a parsed request is translated")
            body = self.operation.prepare_request(request.body, request.parsed, served)
            self._bodies[served] = body
        return body

    def capped_body(self, served: str, provider: str) -> bytes:
        """The same with the output cap that was reserved for, if any. Raises `BadRequest`."""
        body, cap = self.body(served), self._request.reserved_cap
        return body if cap is None else CAPS[self.endpoint](body, cap, provider)

    def bound(self, served: str) -> Bound:
        """The most that it can use, read from what the provider is to be sent.

        The caller's own bytes bound nothing here: what an image counts, or what tools add, differs
        from provider to provider. Raises `BadRequest`.
        """
        bound = self._bounds.get(served)
        if bound is None:
            body, read = self.body(served), BOUNDS.get(self.endpoint)
            bound = Bound(input_tokens=None, unbounded=self.endpoint)
            if read is not None and self.endpoint in CAPS:
                try:
                    bound = read(body)
                except Unreadable:
                    bound = Bound(input_tokens=None, unbounded="body")
            self._bounds[served] = bound
        return bound


def translation_of(request: OpenRequest, target: str) -> Translation:
    """The request's translation to that format, made at its first use."""
    if request.translations is None:
        request.translations = {}
    translation = request.translations.get(target)
    if translation is None:
        translation = request.translations[target] = Translation(request, target)
    return translation


def expressible(
    request: OpenRequest, accounts: list[Account], *, limits_money: bool
) -> list[Account]:
    """The accounts in whose format the request can be said, where that must be known by now.

    It must, if there is none that takes it as it is, or if what it may cost is to be reserved. Else
    it is found out when the account is asked: most requests never ask a second one. Raises
    `Refused` by the caller's own field when it can be said to none.
    """
    endpoint = request.endpoint.name if request.endpoint is not None else ""
    own = own_target(endpoint)
    model = request.parsed.model if request.parsed is not None else ""
    targets = [target_of(account, endpoint, model) for account in accounts]
    if not limits_money and own in targets:
        return accounts
    found: list[Account] = []
    refusal: Refusal | None = None
    for account, target in zip(accounts, targets, strict=True):
        try:
            if target is not None and target != own:
                translation_of(request, target).body(account.served_model(model) or model)
            found.append(account)
        except BadRequest as error:
            refusal = refusal or Refusal(Reason.INVALID_REQUEST, error.message, field=error.field)
    if not found and refusal is not None:
        raise Refused(refusal)
    return found


def inexpressible(error: BadRequest) -> Failure:
    """An account cannot be asked for this, and those that can have no room: nobody's fault."""
    message = (
        "The accounts that can serve this request are busy or rest, and others cannot: "
        f"{error.message}"
    )
    return Failure(Reason.NO_CAPACITY, message, retry_after_ms=BUSY_RETRY_MS)


def said_again(request: OpenRequest, status: int, body: bytes) -> tuple[Headers, bytes]:
    """A provider's error in the caller's dialect, with its status and its words.

    Nothing, which is no error of any dialect, for what cannot be read as one.
    """
    message = message_of(body)
    if message is None or request.dialect is None:
        return [], b""
    refusal = Refusal(Reason.UPSTREAM_ERROR, message, status=status)
    _, headers, said = request.dialect.error_response(refusal, request.id)
    return headers, said
