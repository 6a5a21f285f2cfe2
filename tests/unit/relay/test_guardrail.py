"""Asking a webhook over connections that end."""

from types import SimpleNamespace

import pytest

from common.domain.content_policy import Webhook
from common.domain.keys import KeyRecord
from common.guardrails.webhooks import NoVerdict
from common.providers.http import UpstreamClient
from functions.relay.guardrail import judge
from tests.support.scripted_providers import serving

ALLOW = b'HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{"verdict":"allow"}'
REQUEST = SimpleNamespace(
    id="01ID",
    endpoint=SimpleNamespace(name="messages"),
    parsed=SimpleNamespace(model="m"),
    key=KeyRecord(id="key", user_id="alice", version=1),
)


async def asked(client, url):
    settings = SimpleNamespace(internal_secret="secret")
    services = SimpleNamespace(upstream=client, settings=settings)
    return await judge(services, REQUEST, Webhook(url), "input", [])


async def test_a_kept_connection_that_ends_is_no_failure():
    client = UpstreamClient()
    async with serving([ALLOW, None], [ALLOW]) as (url, came):
        assert (await asked(client, url)).verdict == "allow"
        assert (await asked(client, url)).verdict == "allow"
        assert [len(requests) for requests in came] == [1, 1]
        await client.close()


async def test_one_that_ends_each_time_is():
    client = UpstreamClient()
    async with serving([None], [None]) as (url, _):
        with pytest.raises(NoVerdict, match="broke the connection off"):
            await asked(client, url)
    await client.close()
