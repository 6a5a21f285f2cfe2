"""`/internal/branding`: by which name and logo the console is known."""

import base64
import binascii
from typing import Any

from starlette.responses import Response

from common.domain.logos import Logo, checked_logo
from common.domain.roles import ADMINISTER, READ
from common.store import branding
from common.store.branding import Branding
from functions.key_admin.branding import LOGO_PATH, learn
from functions.key_admin.models.branding import BrandingAnswer, BrandingPatch, LogoAnswer
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import conflict, invalid_field

PATH = "/internal/branding"


async def show(call: Call) -> Response:
    """Name and logo, which also whoever is about to sign in sees."""
    async with call.services.database.transaction() as connection:
        return _shown(await branding.find(connection))


async def patch(call: Call) -> Response:
    """What was sent is changed; other pods show it within seconds."""
    given = call.sent(BrandingPatch)
    keep_logo = "logo" not in given.model_fields_set
    logo = None if given.logo is None else _checked(given.logo)
    async with call.services.database.transaction() as connection:
        before = await branding.find(connection)
        call.check_version(before.version)
        name = before.name if given.name is None else given.name
        if not await branding.update(connection, before.version, name, logo, keep_logo=keep_logo):
            raise conflict("The branding was changed by another call at the same time; try again.")
        after = await branding.find(connection)
        old, new = _audited(before), _audited(after)
        await call.audit(connection, "branding.update", "branding", before=old, after=new)
    learn(after)
    return _shown(after)


def _checked(text: str) -> Logo:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_field("logo", "must be base64 of a PNG, SVG or WebP") from None
    try:
        return checked_logo(content)
    except ValueError as error:
        raise invalid_field("logo", str(error)) from None


def _shown(found: Branding) -> Response:
    return answered(_answer(found), headers={"etag": etag(found.version)})


def _answer(found: Branding) -> BrandingAnswer:
    logo = None
    if found.logo_hash is not None:
        logo = LogoAnswer.model_validate(
            {
                "media_type": found.logo_type,
                "sha256": found.logo_hash,
                "path": f"{LOGO_PATH}/{found.logo_hash}",
            }
        )
    return BrandingAnswer(name=found.name, logo=logo, updated_at=found.updated_at)


def _audited(found: Branding) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(found).model_dump(mode="json")
    return shown


OPERATIONS = (
    Operation("GET", PATH, show, "Show name and logo", "Branding", may=READ,
              answer=BrandingAnswer),
    Operation("PATCH", PATH, patch, "Change name and logo", "Branding", may=ADMINISTER,
              answer=BrandingAnswer, body=BrandingPatch, versioned=True, refusals=(409,)),
)  # fmt: skip
