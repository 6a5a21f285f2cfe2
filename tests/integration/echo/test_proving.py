"""Every provider is asked whether an account would serve by a call that costs nothing."""

import httpx
import msgspec
import pytest

from common.domain.credentials import Credential, ServiceAccount
from common.providers.http import UpstreamClient
from common.providers.proving import prove
from echo_provider.aws_signature import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.provider_accounts import account_of

AWS = Credential(access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY)
# What follows the server's address.
BASES = {
    "openai": "/v1",
    "openai_compatible": "/v1",
    "anthropic": "",
    "azure_openai": "",
    "gemini": "",
    "bedrock": "",
    "vertex": "",
}
# What the echo provider has no faults for: a list of models there, and what Bedrock refuses.
FAULTLESS = {"azure_openai", "bedrock"}


def account(provider, url, **fields):
    credential = Credential(api_key="sk-x")
    if provider == "bedrock":
        credential, fields = AWS, fields | {"region": "us-east-1"}
    if provider == "vertex":
        key = httpx.get(f"{url}/echo/service-account", trust_env=False).json()
        names = ("client_email", "private_key", "token_uri", "private_key_id", "project_id")
        credential = Credential(service_account=ServiceAccount(**{one: key[one] for one in names}))
        fields |= {"region": "us-central1"}
    return account_of(provider, url + BASES[provider], credential, **fields)


async def proved(one):
    client = UpstreamClient()
    try:
        return await prove(one, client, "01R")
    finally:
        await client.close()


@pytest.mark.parametrize("provider", BASES)
async def test_an_account_that_works_costs_nothing(echo, provider):
    assert await proved(account(provider, echo.url)) is None
    for asked in echo.requests():
        assert asked["output_tokens"] in (0, None)


@pytest.mark.parametrize("provider", sorted(BASES.keys() - FAULTLESS))
@pytest.mark.parametrize(
    ("fault", "cause"), [("status=401", "unauthorized"), ("status=503", None), ("reset", None)]
)
async def test_one_that_does_not_is_judged_as_requests_are(echo, provider, fault, cause):
    failure = await proved(account(provider, echo.url, extra_headers={"x-echo-fault": fault}))
    assert failure is not None
    assert failure.cause == cause
    assert failure.rest(others=True, row=3) is not None


async def test_aws_refuses_another_s_signature(echo):
    other = Credential(access_key_id=ACCESS_KEY_ID, secret_access_key="another")
    failure = await proved(msgspec.structs.replace(account("bedrock", echo.url), credential=other))
    assert failure is not None
    assert failure.cause == "unauthorized"


async def test_an_address_where_nobody_is(echo):
    nowhere = msgspec.structs.replace(account("openai", echo.url), base_url="http://127.0.0.1:1/v1")
    failure = await proved(nowhere)
    assert failure is not None
    assert failure.reason == "upstream_unreachable"
