"""`/internal/usage/timings`: latency, first tokens and cache hits of the newest requests."""

from starlette.responses import Response

from common.domain.roles import READ_TEAMS
from common.store import timings
from functions.key_admin.api.usage import filters_of
from functions.key_admin.models.observed import Percentiles, TimingsAnswer
from functions.key_admin.models.usage import UsageQuery
from functions.key_admin.operation import Call, Operation, answered

# The newest of a time: percentiles of these are those of all, within what anybody can see, and a
# page costs the same whatever the ledger holds.
SAMPLE_MAX = 5_000


async def show(call: Call) -> Response:
    """Percentiles of the newest 5,000 requests at most."""
    filters = filters_of(call, call.sent(UsageQuery))
    async with call.services.database.transaction() as connection:
        found = await timings.timings(connection, filters, SAMPLE_MAX)
    return answered(
        TimingsAnswer(
            requests=found.requests,
            sampled=found.requests == SAMPLE_MAX,
            oldest=found.oldest,
            failures=found.failures,
            cache_hits=found.cache_hits,
            tokens=found.tokens,
            latency_ms=_percentiles(found.latency_ms),
            first_token_ms=_percentiles(found.first_token_ms),
        )
    )


def _percentiles(times: tuple[int, ...]) -> Percentiles | None:
    if not times:
        return None
    p50, p90, p99 = times
    return Percentiles(p50=p50, p90=p90, p99=p99)


OPERATIONS = (
    Operation("GET", "/internal/usage/timings", show, "Show how requests went", "Usage",
              may=READ_TEAMS, answer=TimingsAnswer, query=UsageQuery),
)  # fmt: skip
