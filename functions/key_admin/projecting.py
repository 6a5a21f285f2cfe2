"""Projecting limits: Redis before the commit gets what a change takes away, the rest after it.

So what is answered holds everywhere, and should Redis be away nothing is changed and 503 said.
"""

from common import projection
from common.domain.narrowing import narrowed_policy
from common.domain.policies import Policy
from common.store import policies
from common.store.database import Connection
from functions.key_admin.operation import Call


async def project_policy(
    call: Call, connection: Connection, scope: str, before: Policy, after: Policy
) -> None:
    """Project a scope whose policy was written and is not committed.

    Its version may rise once more. After the commit, `bring_projection_up_to_date` does the rest.
    """
    if before == after:
        return
    settings = call.services.settings
    found = await policies.projected(connection, scope=scope, limit=1)
    narrowed = narrowed_policy(before, after)
    version = found[0].version if found else await policies.next_version(connection)
    call.projected_ahead = True
    ahead = policies.ProjectedPolicy(scope, narrowed, version)
    await projection.put_policy_ahead(connection, call.services.redis, settings.state_prefix, ahead)
    if narrowed != after:
        # What is committed is another version than what Redis has until then.
        await policies.outrun(connection, scope, version + 1)
