"""The logo, served to everybody: the page that signs people in shows it."""

import re

from starlette.responses import Response

from common.store import branding
from functions.key_admin.problem import not_found
from functions.key_admin.services import services

_HASH = re.compile("[0-9a-f]{64}")
# An SVG that is opened by itself is a document: it may run, load and send nothing.
_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


async def serve(logo_hash: str) -> Response:
    """The picture of that hash. Raises `Problem` 404 when it is another one now."""
    found = None
    if _HASH.fullmatch(logo_hash):
        async with services().database.transaction() as connection:
            found = await branding.logo(connection, logo_hash)
    if found is None:
        raise not_found("The logo is another one now.")
    return Response(found.content, headers=_HEADERS, media_type=found.media_type)
