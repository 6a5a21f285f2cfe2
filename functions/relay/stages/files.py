"""Files: what a tenant uploads stays with one account, whose batches may use it.

An upload is passed on as it arrives, and uses nothing that anybody is billed for. What a batch
asks for is in such a file, so it is read before the batch is admitted.
"""

from collections.abc import AsyncIterator

import msgspec

from common.asgi import BodyTooLarge
from common.dialects.base import FORM, BadRequest
from common.dialects.openai.batches import ENDPOINTS, INPUT_BYTES_MAX, endpoint_of, read_input
from common.domain.accounts import draw_of
from common.domain.refusals import Reason, Refusal, Refused
from common.providers import PROVIDERS
from common.providers.base import Ask, Failure
from common.providers.headers import to_caller, to_provider
from common.providers.http import Exchange, StreamedBody, UpstreamFailed
from common.state.commands import RedisUnavailable
from common.state.stored_responses import StoredResponse
from functions.relay import respond
from functions.relay.caller_body import BODY_BYTES_MAX, CallerBody, refusal_of
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.access import check_access
from functions.relay.stages.admit import authenticate, state_unavailable
from functions.relay.stages.forward import give_up, pass_error
from functions.relay.stages.stored import account_of, open_exchange

_PATH = "/v1/files"


class _File(msgspec.Struct):
    id: str
    object: str


_file_decoder = msgspec.json.Decoder(_File)


async def upload_file(
    services: Services, request: OpenRequest, body: CallerBody, send: Send
) -> None:
    """Pass a form on to the tenant's account, and remember whose file it is. Raises `Refused`."""
    length = _check_form(request)
    account = _account_for(services, request)
    upload = _PassedOn(body)
    streamed = StreamedBody(upload.chunks(), length)
    if request.content:
        from functions.relay.stages.content_files import checked_upload

        whole = await checked_upload(services, request, body)
        if whole is not None:
            streamed = StreamedBody(_at_once(whole), len(whole))
    exchange = _open_upload(services, request, account, streamed)
    services.heartbeat.reading[request.id] = request
    try:
        await exchange.open()
        answered = await exchange.read_all()
        if exchange.status >= 300:
            answer = await pass_error(request, exchange, answered, send)
            if answer is not None:
                await give_up(request, answer.failure, answer, send)
            return
        await _remember(services, request, account, answered)
        await respond.whole(request, send, exchange.status, to_caller(exchange.headers), answered)
    except UpstreamFailed as failed:
        if upload.refusal is not None:
            raise Refused(upload.refusal) from failed
        if upload.gone:
            raise ConnectionResetError("the caller left while its file was read") from failed
        await give_up(request, failed.failure, None, send)
    finally:
        services.heartbeat.reading.pop(request.id, None)
        await exchange.close()


async def load_batch(services: Services, request: OpenRequest) -> None:
    """Read the file of a batch that is to be made. Raises `Refused`."""
    if request.endpoint is None or request.parsed is None or request.parsed.follows is None:
        raise ValueError("a batch is parsed before its file is read")
    _, scope = ENDPOINTS[endpoint_of(request.body)]
    request.endpoint = msgspec.structs.replace(request.endpoint, scope=scope)
    await authenticate(services, request)
    check_access(request)
    file_id = request.parsed.follows
    account, _ = await account_of(services, request, file_id)
    path = f"{_PATH}/{file_id}/content"
    exchange = open_exchange(services, request, account, path, "", method="GET")
    try:
        await exchange.open()
        if exchange.status != 200:
            message = f"{account.provider} does not give the file (status {exchange.status})"
            raise Refused(Refusal(Reason.UPSTREAM_ERROR, message, field="input_file_id"))
        file = await _read_bounded(exchange)
        if request.content:
            from functions.relay.stages.content_files import check_batch

            await check_batch(services, request, file)
        request.parsed, request.bound = read_input(request.body, file)
    except BadRequest as error:
        raise Refused(refusal_of(error)) from None
    except UpstreamFailed as failed:
        raise Refused(Refusal(failed.failure.reason, failed.failure.message)) from failed
    finally:
        await exchange.close()


class _PassedOn:
    """A caller's body on its way; `refusal` and `gone` say why it was broken off."""

    def __init__(self, body: CallerBody) -> None:
        self._body = body
        self.refusal: Refusal | None = None
        self.gone = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises `UpstreamFailed` to break off."""
        try:
            while chunk := await self._body.read_chunk():
                yield chunk
        except BodyTooLarge as error:
            self.refusal = refusal_of(error)
            raise UpstreamFailed(Failure(Reason.INVALID_REQUEST, "the file is too large")) from None
        except ConnectionResetError:
            self.gone = True
            raise UpstreamFailed(Failure(Reason.INVALID_REQUEST, "the caller left")) from None


async def _at_once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


def _check_form(request: OpenRequest) -> int | None:
    """The length that is announced, if any. Raises `Refused`."""
    if request.content_type.partition(";")[0].strip().lower() != FORM:
        message = f"Content-Type is not supported here: send `Content-Type: {FORM}`"
        raise Refused(Refusal(Reason.UNSUPPORTED_MEDIA_TYPE, message, field="content-type"))
    announced = request.header(b"content-length") or ""
    length = int(announced) if announced.isdecimal() else None
    if length is not None and length > BODY_BYTES_MAX:
        raise Refused(refusal_of(BodyTooLarge()))
    return length


def _account_for(services: Services, request: OpenRequest) -> UsableAccount:
    """The account of a tenant's files: the same one as long as the accounts are. Raises `Refused`.

    OpenAI's own come before servers that only speak its API, which seldom keep files.
    """
    groups = services.routing.groups
    able = [
        one
        for one in services.snapshots.accounts
        if one.may_serve(request.id, pinned=False)
        and PROVIDERS[one.provider].target(one, "files", "") is not None
        and not any(level.policy.routing.barred_by(one, groups) for level in request.routing)
    ]
    if not able:
        message = (
            "No account that this API key may use keeps files: an administrator can add one of "
            "OpenAI's, or have the rules of routing changed"
        )
        raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message))

    def place(one: UsableAccount) -> tuple[bool, int, float]:
        drawn = draw_of(one, request.tenant, one.weight)
        return one.provider == "openai_compatible", one.priority, drawn

    return min(able, key=place)


def _open_upload(
    services: Services, request: OpenRequest, account: UsableAccount, body: StreamedBody
) -> Exchange:
    headers = to_provider(request.headers, request.id, account.provider, request.tenant)
    call = PROVIDERS[account.provider].call(account, Ask("files", "", headers=headers))
    timeout_ms = services.heartbeat.longest_exchange_ms(stream=True)
    return services.upstream.call(call, account.provider, timeout_ms=timeout_ms, body=body)


async def _remember(
    services: Services, request: OpenRequest, account: UsableAccount, answered: bytes
) -> None:
    """Before the caller has the id. Raises `Refused`: a file that nobody can use is none."""
    try:
        file = _file_decoder.decode(answered)
    except (msgspec.DecodeError, UnicodeDecodeError):
        file = _File("", "")
    if file.object != "file" or not file.id:
        message = f"{account.provider} answered with something that is no answer of its API"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message))
    try:
        await services.stored.remember(file.id, StoredResponse(account.id, request.tenant))
        await services.stored.list_as("files", file.id, request.tenant)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error


async def _read_bounded(exchange: Exchange) -> bytes:
    """The whole file. Raises `BadRequest` for one that is larger than may be read."""
    chunks: list[bytes] = []
    size = 0
    while (chunk := await exchange.read_chunk()) is not None:
        chunks.append(chunk)
        size += len(chunk)
        if size > INPUT_BYTES_MAX:
            most = INPUT_BYTES_MAX // (1024 * 1024)
            raise BadRequest(f"A batch's file may have {most} MiB here", "input_file_id", 413)
    return b"".join(chunks)
