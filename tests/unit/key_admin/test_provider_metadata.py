"""What an identity provider's discovery document must not say."""

import msgspec
import pytest

from common.identity_settings import OidcProvider
from functions.key_admin.identity.provider import ProviderClient, ProviderFailed

ISSUER = "https://idp.example"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "userinfo_endpoint": f"{ISSUER}/me",
}


class Answering(ProviderClient):
    """Answers with this document."""

    def __init__(self, document):
        super().__init__(OidcProvider(id="oidc", issuer=ISSUER, client_id="relay"))
        self._document = document

    async def _asked(self, method, address, **options):
        return msgspec.json.encode(self._document)


async def test_a_document_of_https_addresses_is_taken_also_without_userinfo():
    assert (await Answering(DOCUMENT).metadata()).userinfo_endpoint == f"{ISSUER}/me"
    assert await Answering(DOCUMENT | {"userinfo_endpoint": ""}).metadata()


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name != "issuer"])
async def test_no_token_goes_over_plain_http(name):
    with pytest.raises(ProviderFailed, match="no https address"):
        await Answering(DOCUMENT | {name: "http://idp.example/x"}).metadata()


async def test_another_issuers_document_is_refused():
    with pytest.raises(ProviderFailed, match="is of https://other"):
        await Answering(DOCUMENT | {"issuer": "https://other.example"}).metadata()
