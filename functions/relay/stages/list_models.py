"""List models: what the caller's key may use, in the caller's dialect."""

from common.dialects.base import BadRequest
from common.domain.accounts import DIALECT_OF_PROVIDER
from common.domain.globs import is_glob
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.stages.access import allows_model


async def list_models(services: Services, request: OpenRequest, query: str, send: Send) -> None:
    """Answer a model list or a single model. Raises `Refused` for an unknown one."""
    if request.dialect is None or request.key is None:
        raise ValueError("key and dialect come first")
    models = _models(services, request)
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


def _models(services: Services, request: OpenRequest) -> list[str]:
    """Models of the accounts that speak the dialect, as far as the key allows them.

    An account without a list of its own serves whatever its provider has: the price book's; one
    with globs, those of them that match.
    """
    if request.dialect is None or request.key is None:
        raise ValueError("key and dialect come first")
    names: set[str] = set()
    for account in services.snapshots.accounts:
        if not account.may_serve(request.id):
            continue
        if DIALECT_OF_PROVIDER[account.provider] == request.dialect.name:
            known = [*account.models, *services.prices.models(account.provider)]
            names.update(
                name
                for name in known
                if not is_glob(name) and account.served_model(name) is not None
            )
    return sorted(name for name in names if allows_model(request, name))
