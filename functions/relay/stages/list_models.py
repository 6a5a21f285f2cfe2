"""List models: what the caller's key may use, in the caller's dialect."""

from common.dialects.base import BadRequest
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.stages.models import usable_models


async def list_models(services: Services, request: OpenRequest, query: str, send: Send) -> None:
    """Answer a model list or a single model. Raises `Refused` for an unknown one."""
    if request.dialect is None or request.key is None:
        raise ValueError("key and dialect come first")
    accounts, table = services.snapshots.accounts, services.routing
    models = usable_models(request, accounts, table, services.prices)
    headers = [(b"content-type", b"application/json")]
    wanted = request.path_id
    if not wanted:
        try:
            body = request.dialect.models_response(models, query)
        except BadRequest as error:
            refusal = Refusal(Reason.INVALID_REQUEST, error.message, field=error.field)
            raise Refused(refusal) from None
        await respond.whole(request, send, 200, headers, body)
        return
    for model in models:
        if model == wanted:
            body = request.dialect.model_response(model)
            await respond.whole(request, send, 200, headers, body)
            return
    message = f"The model {wanted!r} does not exist or you do not have access to it"
    raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="model"))
