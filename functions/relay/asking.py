"""How an account is asked: in its own format, by its provider's own address and credential."""

from common.domain.refusals import Reason
from common.identifiers import now_ms
from common.providers import PROVIDERS
from common.providers.base import Ask, Failure, own_target
from common.providers.headers import to_provider
from common.providers.http import Exchange, StreamedBody, UpstreamFailed
from functions.relay.open_request import OpenRequest
from functions.relay.reservations import with_cap
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount

# How AWS streams.
_FRAMED = "application/vnd.amazon.eventstream"
# By what is asked in the caller's own dialect: what a body has somewhere that may hold thoughts of
# another format (`common/translation/passed_through.py`).
_THOUGHTS = {
    "anthropic.messages": b'thinking"',
    "messages.batches": b'thinking"',
    "messages.count_tokens": b'thinking"',
    "openai.chat": b'"thought_signature"',
    "openai.responses": b'"relay:',
    "gemini.generate": b'"cmVsYXk6',
}
# And of those of Anthropic's dialect, which has thoughts of its own, one of these.
_ORIGINS = (b'"openai.', b'"gemini.', b'"bedrock.')


async def prepare(services: Services, request: OpenRequest, account: UsableAccount) -> Exchange:
    """What the account is to be asked. Raises `UpstreamFailed`, `BadRequest`."""
    if request.parsed is None or request.endpoint is None:
        raise ValueError("only a parsed request is forwarded")
    provider = PROVIDERS[account.provider]
    headers = to_provider(request.headers, request.id, account.provider, request.tenant)
    model = request.parsed.model
    request.served = served = account.served_model(model) or model
    request.target = target = provider.target(account, request.endpoint.name, served) or ""
    body = _body_for(request, account, target)
    if request.operation is not None:
        for layer in request.layers:
            request.operation = layer.around(request.operation)
    whole = body if isinstance(body, bytes) else b""
    token = await provider.credential(account, services.upstream)
    ask = Ask(target, served, whole, headers, request.parsed.stream, now_ms() / 1000)
    call = provider.call(account, ask, token)
    return services.upstream.call(
        call,
        account.provider,
        timeout_ms=services.heartbeat.longest_exchange_ms(
            stream=request.parsed.stream or request.upload is not None
        ),
        body=body if isinstance(body, StreamedBody) else None,
    )


def _body_for(request: OpenRequest, account: UsableAccount, target: str) -> bytes | StreamedBody:
    """The body in the account's format; sets the operation that reads its answer.

    Raises `BadRequest` for what that format cannot express.
    """
    if request.endpoint is None or request.own_operation is None or request.parsed is None:
        raise ValueError("only a parsed request has a body")
    request.translates = target != own_target(request.endpoint.name)
    if request.translates:
        from functions.relay.translating import translation_of

        translation = translation_of(request, target)
        request.operation = translation.operation
        return translation.capped_body(request.served, account.provider)
    request.operation = request.own_operation
    if request.upload is not None:
        return request.upload.begin(request.served)
    body = request.operation.prepare_request(
        request.body, request.parsed, request.served, request.content_type
    )
    if _may_hold_foreign(body, target, account.provider):
        from common.translation.passed_through import without_foreign

        body = without_foreign(body, target)
    return with_cap(request, body, account.provider)


def _may_hold_foreign(body: bytes, target: str, provider: str) -> bool:
    # A compatible server may be one that made them, as Google's is.
    sign = None if provider == "openai_compatible" else _THOUGHTS.get(target)
    if sign is None or sign not in body:
        return False
    return sign != b'thinking"' or any(origin in body for origin in _ORIGINS)


async def begin(request: OpenRequest, exchange: Exchange) -> Exchange:
    """Send, and wait for the answer's head; what to read the answer by. Raises `UpstreamFailed`."""
    await exchange.open()
    if exchange.status != 200:
        return exchange
    if (exchange.header("content-type") or "").startswith(_FRAMED):
        from functions.relay.unframed import UnframedExchange

        invoked = request.target == "anthropic.messages"
        exchange = request.exchange = UnframedExchange(exchange, invoked=invoked)
    if request.translates:
        _check_kind(request, exchange, exchange.header("content-type") or "")
    return exchange


def _check_kind(request: OpenRequest, exchange: Exchange, content_type: str) -> None:
    """What is to be translated is a stream where one was asked for. Raises `UpstreamFailed`."""
    streamed = content_type.startswith("text/event-stream")
    if request.parsed is not None and streamed == request.parsed.stream:
        return
    wanted = "a stream" if not streamed else "a whole answer"
    message = f"{exchange.provider} was asked for {wanted} and answered with {content_type}"
    raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message))
