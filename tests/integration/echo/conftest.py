import httpx
import openai
import pytest

from tests.support.echo import EchoProcess


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with EchoProcess(tmp_path_factory.mktemp("echo")) as process:
        yield process


@pytest.fixture
def echo(running):
    running.clear()
    return running


@pytest.fixture
def client(echo):
    with httpx.Client(
        base_url=echo.url, headers={"authorization": "Bearer k"}, timeout=30, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def sdk(echo):
    with openai.OpenAI(base_url=f"{echo.url}/v1", api_key="k", max_retries=0) as client:
        yield client
