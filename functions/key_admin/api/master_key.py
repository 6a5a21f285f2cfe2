"""`/internal/master-key/grace`: the key in use stays accepted while it is being replaced.

The key itself comes from the environment (a Secret in a cluster, a file on a laptop); replacing it
there is the operator's, or `relayctl master-key rotate`'s.
"""

from starlette.responses import Response

from common.domain.roles import ADMINISTER
from common.store import master_keys
from functions.key_admin.authenticate import graced_hash, presented_key
from functions.key_admin.identity.identify import MASTER_KEY_ACTOR
from functions.key_admin.models.master_key import Grace, GraceAnswer
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import conflict


async def grant_grace(call: Call) -> Response:
    """The key of this call is accepted for so long, even once PROXY_MASTER_KEY is another."""
    given = call.sent(Grace)
    if call.actor != MASTER_KEY_ACTOR:
        raise conflict("Call with the master key itself: it is the key of this call that is kept.")
    key_hash = graced_hash(call.services, presented_key(call.request))
    async with call.services.database.transaction() as connection:
        until = await master_keys.grant_grace(connection, key_hash, given.minutes)
        answer = GraceAnswer(accepted_until=until)
        await call.audit(
            connection, "master-key.grace", "master-key", after=answer.model_dump(mode="json")
        )
    return answered(answer)


OPERATIONS = (
    Operation("POST", "/internal/master-key/grace", grant_grace, "Accept this key a while longer",
              "Operations", may=ADMINISTER,
              answer=GraceAnswer, body=Grace, body_required=False, refusals=(409,)),
)  # fmt: skip
