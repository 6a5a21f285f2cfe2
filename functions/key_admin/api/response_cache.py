"""`/internal/response-cache`: how much is kept, and forgetting it. Nobody can read the answers."""

from starlette.responses import Response

from common.domain.roles import ADMINISTER, READ
from common.identifiers import now_ms
from common.state.response_cache import Kept, KeptAnswers
from functions.key_admin.models.response_cache import KeptAnswer, KeptList, KeptTotal, Purge
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import invalid_field

PATH = "/internal/response-cache"


async def show(call: Call) -> Response:
    """All tenants of whom anything is kept."""
    found = await _answers(call).of_all(now_ms())
    found.sort(key=lambda one: (-one.bytes, one.tenant))
    items = [KeptAnswer(tenant=one.tenant, entries=one.entries, bytes=one.bytes) for one in found]
    return answered(KeptList(items=items, total=_sum(found)))


async def purge(call: Call) -> Response:
    """What was forgotten. What is being made meanwhile is kept when it is there."""
    given = call.sent(Purge)
    chosen = [name for name in ("team_id", "key_id", "all") if getattr(given, name)]
    if len(chosen) != 1:
        raise invalid_field("query", "give one of team_id, key_id and all=true")
    answers = _answers(call)
    tenants = [given.team_id] if given.team_id else await answers.tenants(now_ms())
    forgotten = [await answers.purge(tenant, given.key_id) for tenant in tenants]
    total = _sum(forgotten)
    async with call.services.database.transaction() as connection:
        subject_id = given.team_id or given.key_id or "all"
        after = {"of": chosen[0], **total.model_dump()}
        await call.audit(connection, "response_cache.purge", subject_id, after=after)
    return answered(total)


def _answers(call: Call) -> KeptAnswers:
    return KeptAnswers(call.services.redis, call.services.settings.state_prefix)


def _sum(found: list[Kept]) -> KeptTotal:
    return KeptTotal(
        entries=sum(one.entries for one in found), bytes=sum(one.bytes for one in found)
    )


OPERATIONS = (
    Operation("GET", PATH, show, "Show how many answers are kept", "Response cache", may=READ,
              answer=KeptList),
    Operation("DELETE", PATH, purge, "Forget kept answers", "Response cache", may=ADMINISTER,
              answer=KeptTotal, query=Purge),
)  # fmt: skip
