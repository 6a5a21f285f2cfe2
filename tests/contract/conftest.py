"""One local stack and one key for all contract tests."""

import anthropic
import httpx
import openai
import pytest

from tests.support.dev_stack import DevStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with DevStack(tmp_path_factory.mktemp("contract") / "state") as stack:
        yield stack


@pytest.fixture(scope="session")
def key(stack):
    return stack.create_key()


@pytest.fixture(scope="session")
def sdk(stack, key):
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_sdk(stack, key):
    async with openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_messages(stack, key):
    async with anthropic.AsyncAnthropic(base_url=stack.url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def echo(stack):
    """The provider behind the stack, with nothing on its record."""
    url = stack.processes["echo_provider"]["url"]
    with httpx.Client(base_url=f"{url}/echo", trust_env=False) as client:
        client.delete("/requests").raise_for_status()
        yield client


@pytest.fixture(scope="session")
def ledgered(stack):
    """The record of an answer with raw headers, as soon as the ledger has it."""
    return lambda raw: stack.wait_for_record(raw.headers["x-request-id"])
