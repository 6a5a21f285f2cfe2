"""`/internal/organisation`: what limits all keys together."""

from typing import Any

from starlette.responses import Response

from common.domain.policies import ORGANISATION
from common.domain.roles import ADMINISTER, READ
from common.store import policies
from common.store.policies import Organisation
from functions.key_admin.models.limits import (
    OrganisationAnswer,
    OrganisationPatch,
    patched_policy,
    shown_to_tenants,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import conflict
from functions.key_admin.projecting import project_policy

PATH = "/internal/organisation"


async def show(call: Call) -> Response:
    """The organisation."""
    async with call.services.database.transaction() as connection:
        return _shown(await policies.organisation(connection))


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next request everywhere."""
    given = call.sent(OrganisationPatch)
    async with call.services.database.transaction() as connection:
        before = await policies.organisation(connection)
        call.check_version(before.version)
        policy = patched_policy(before.policy, given)
        if policy == before.policy:
            return _shown(before)
        if not await policies.update_organisation(connection, policy, before.version):
            raise conflict("The organisation was changed by another call; try again.")
        await project_policy(call, connection, ORGANISATION, before.policy, policy)
        after = await policies.organisation(connection)
        await call.audit(
            connection,
            "organisation.update",
            ORGANISATION,
            before=_audited(before),
            after=_audited(after),
        )
    await call.services.bring_projection_up_to_date()
    return _shown(after)


def _answer(organisation: Organisation) -> OrganisationAnswer:
    return OrganisationAnswer(
        **shown_to_tenants(organisation.policy),
        unpriced_models=organisation.policy.unpriced_models,
        updated_at=organisation.updated_at,
    )


def _audited(organisation: Organisation) -> dict[str, Any]:
    members: dict[str, Any] = _answer(organisation).model_dump(mode="json")
    return members


def _shown(organisation: Organisation) -> Response:
    return answered(_answer(organisation), headers={"etag": etag(organisation.version)})


OPERATIONS = (
    Operation("GET", PATH, show, "Show the organisation", "Organisation", may=READ,
              answer=OrganisationAnswer),
    Operation("PATCH", PATH, patch, "Change the organisation's limits", "Organisation",
              may=ADMINISTER,
              answer=OrganisationAnswer, body=OrganisationPatch, versioned=True, refusals=(409,)),
)  # fmt: skip
