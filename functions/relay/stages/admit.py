"""Admit: one call to Redis that verifies the snapshot and opens the lease.

An old snapshot is answered with the current records and repeated once; an unknown key is
looked up in Postgres once. Refusals of the route are only given on a current snapshot.
"""

from common.domain.admission import (
    Admitted,
    Denied,
    KeyRefused,
    KeyUnknown,
    Rebuilding,
    Stale,
    Waiting,
    chosen_first,
)
from common.domain.ids import ulid_time_ms
from common.domain.policies import NO_POLICY
from common.domain.refusals import Reason, Refusal, Refused
from common.identifiers import now_ms
from common.model_catalogue import entry_of
from common.state.admission import Snapshot
from common.state.commands import RedisUnavailable
from functions.relay.caller_body import CallerBody
from functions.relay.open_request import OpenRequest
from functions.relay.reservations import bounded, candidate_for, prices_of, take
from functions.relay.services import Services
from functions.relay.snapshots import KeySnapshot, UsableAccount
from functions.relay.stages.access import check_access
from functions.relay.stages.denied import denied, show_limits
from functions.relay.stages.queue import Turn
from functions.relay.stages.route import World, route

# First call, a stale snapshot, a key found in Postgres, an account list that changed meanwhile.
ROUNDS_MAX = 4
REBUILDING_RETRY_MS = 1_000
STATE_RETRY_MS = 1_000


async def admit(services: Services, request: OpenRequest, body: CallerBody) -> list[UsableAccount]:
    """Open the lease; returns the accounts from the admitted one on. Raises `Refused`.

    Where a limit of concurrency has a queue, it waits there, and raises `ConnectionResetError` when
    the caller left meanwhile.
    """
    turn: Turn | None = None
    try:
        while True:
            admitted = await _admit(services, request, 0 if turn is None else turn.since_ms)
            if not isinstance(admitted, Waiting):
                return admitted
            turn = turn or Turn(services, request, body, admitted)
            await turn.pause(admitted)
    except RedisUnavailable as error:
        if error.sent and request.account is not None:
            # The lease may be open: it is closed as soon as Redis can be asked.
            request.admission_unknown = True
        raise Refused(state_unavailable()) from error
    finally:
        if turn is not None:
            turn.end()


async def authenticate(services: Services, request: OpenRequest) -> None:
    """Verify the key, and remember what is current. Raises `Refused`."""
    try:
        for _ in range(ROUNDS_MAX):
            answer = await services.admission.verify(request.key_hash, address=request.address)
            if isinstance(answer, Stale):
                snapshot = await _remember(services, request, answer)
                request.key, request.access = snapshot.record, snapshot.access
                request.routing, request.content = snapshot.routing, snapshot.content
                check_access(request)
                return
            await _handle_key(services, request, answer)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    raise Refused(state_unavailable())


async def _admit(
    services: Services, request: OpenRequest, waits_since_ms: int
) -> list[UsableAccount] | Waiting:
    current = False
    for _ in range(ROUNDS_MAX):
        snapshot = services.snapshots.key(request.key_hash)
        accounts: list[UsableAccount] = []
        if snapshot is not None:
            request.key, request.access = snapshot.record, snapshot.access
            request.rules = snapshot.rules_at(ulid_time_ms(request.id))
            request.client_gone, request.routing = snapshot.client_gone, snapshot.routing
            await _pin(services, request)
            try:
                request.prices = services.prices
                accounts = _sayable(request, _route(services, request, snapshot))
                accounts = bounded(services, request, accounts)
            except Refused:
                if current:
                    raise
                # The snapshot may be old: ask what is current before refusing.
                snapshot = None
        if len(accounts) > 1 and services.settings.sticky_session_seconds:
            from functions.relay.stages.sticky import kept_together

            accounts, candidates = await kept_together(services, request, accounts)
        else:
            candidates = [candidate_for(services, request, account) for account in accounts]
        # Should the answer be lost, the record that closes the lease names the likely account.
        request.account = accounts[0] if accounts else None
        tokens = services.estimates.of(request) if request.counted else 0
        answer = await services.admission.admit(
            request.id,
            _versions(services, request, snapshot),
            candidates,
            address=request.address,
            tokens=tokens,
            rules=request.rules.packed,
            waits_since_ms=waits_since_ms,
        )
        if isinstance(answer, Waiting):
            return answer
        if isinstance(answer, Admitted):
            request.admitted = True
            request.probes = answer.probe
            take(services, request, accounts[answer.index], answer.cap)
            show_limits(request, answer.minutes, tokens)
            _tell_deprecation(services, request, accounts[answer.index])
            return chosen_first(accounts, answer.index)
        if isinstance(answer, Stale):
            remembered = await _remember(services, request, answer)
            if remembered.content and not request.content:
                await _begin_content(services, request, remembered)
            # Its tenant may be another.
            request.pinned_account_id = request.sticky_key = request.sticky_account = None
            current = True
        elif isinstance(answer, Denied):
            show_limits(request, answer.minutes)
            raise Refused(denied(answer, request.rules, now_ms()))
        else:
            await _handle_key(services, request, answer)
    raise Refused(state_unavailable())


async def _begin_content(services: Services, request: OpenRequest, snapshot: KeySnapshot) -> None:
    """Rules of content that this process did not know hold for this request. Raises `Refused`."""
    from functions.relay.stages.content import follow_rules

    if request.upload is not None:
        message = "The rules of this key's content have changed meanwhile; try again."
        raise Refused(Refusal(Reason.STATE_UNAVAILABLE, message, retry_after_ms=STATE_RETRY_MS))
    body = request.body
    request.key, request.content = snapshot.record, snapshot.content
    await follow_rules(services, request, fresh=True)
    if request.body is not body:
        # What was made of the body before.
        request.translations = request.bound = None


async def _remember(services: Services, request: OpenRequest, answer: Stale) -> KeySnapshot:
    """Keep what is current: prices and table first, since nobody with the versions asks again."""
    await services.follow(answer.versions)
    return services.snapshots.update(request.key_hash, answer)


async def _pin(services: Services, request: OpenRequest) -> None:
    """Bind a request that goes on from a stored response to its account. Raises `Refused`."""
    follows = request.parsed.follows if request.parsed is not None else None
    if follows is None or request.pinned_account_id is not None:
        return
    request.pinned_account_id = await services.stored.find(follows, request.tenant)
    if request.pinned_account_id is None:
        message = f"Previous response with id {follows[:100]!r} not found."
        refusal = Refusal(Reason.INVALID_REQUEST, message, field="previous_response_id")
        raise Refused(refusal)


def _route(services: Services, request: OpenRequest, snapshot: KeySnapshot) -> list[UsableAccount]:
    unpriced = snapshot.unpriced_models or services.settings.unpriced_models
    world = World(
        services.snapshots.accounts,
        services.routing,
        prices_of(services, request),
        services.latencies,
        unpriced == "deny",
        services.able,
    )
    return route(request, world)


def _tell_deprecation(services: Services, request: OpenRequest, account: UsableAccount) -> None:
    """A header of the answer, where the model that serves is known to end or to have ended."""
    asked = request.parsed.model if request.parsed is not None else ""
    entry = entry_of(services.routing.models, account.served_model(asked) or asked)
    if entry is None or entry.deprecated_on is None:
        return
    told = entry.deprecated_on + (f"; successor={entry.successor}" if entry.successor else "")
    request.limit_headers = [
        *request.limit_headers, (b"x-relay-model-deprecated", told.encode("latin-1", "replace"))
    ]  # fmt: skip


def _sayable(request: OpenRequest, accounts: list[UsableAccount]) -> list[UsableAccount]:
    """The accounts in whose format the request can be said, see `translating.expressible`.

    Raises `Refused`.
    """
    if not request.may_translate:
        return accounts
    from functions.relay.translating import expressible

    limits_money = request.rules.money or any(one.policy is not NO_POLICY for one in accounts)
    return expressible(request, accounts, limits_money=limits_money)


def _versions(services: Services, request: OpenRequest, snapshot: KeySnapshot | None) -> Snapshot:
    versions = snapshot.versions if snapshot is not None else ""
    return Snapshot(request.key_hash, versions, services.snapshots.accounts_version)


async def _handle_key(
    services: Services, request: OpenRequest, answer: KeyRefused | KeyUnknown | Rebuilding
) -> None:
    """Return when the question may be asked again; else raise `Refused`."""
    services.snapshots.forget(request.key_hash)
    match answer:
        case KeyRefused(status="expired"):
            message = "This API key has expired: use another one, or have its end moved"
            raise Refused(Refusal(Reason.EXPIRED_KEY, message))
        case KeyRefused():
            raise Refused(Refusal(Reason.REVOKED_KEY, "This API key has been revoked."))
        case Rebuilding():
            services.key_lookup.start_rebuild()
            message = "Relay is rebuilding its key table after a restart; try again in a moment."
            raise Refused(Refusal(Reason.REBUILDING, message, retry_after_ms=REBUILDING_RETRY_MS))
        case KeyUnknown(failures):
            await services.key_lookup.find(request.key_hash, failures, now_ms())


def state_unavailable() -> Refusal:
    """What a caller reads while Redis cannot be reached."""
    message = "Relay cannot reach its state store and admits nothing until it can; try again."
    return Refusal(Reason.STATE_UNAVAILABLE, message, retry_after_ms=STATE_RETRY_MS)
