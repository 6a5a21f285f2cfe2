import pytest

from tests.support.echo import EchoProcess
from tests.support.guardrail import guardrail
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import RelayProcess
from tests.support.servers import RedisServer


@pytest.fixture(scope="module")
def running_redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def running_echo(tmp_path_factory):
    with EchoProcess(tmp_path_factory.mktemp("echo")) as process:
        yield process


@pytest.fixture(scope="module")
def running_relay(tmp_path_factory, running_redis, running_echo):
    directory = tmp_path_factory.mktemp("relay")
    with RelayProcess(directory, running_redis, running_echo.url) as process:
        yield process


@pytest.fixture
def echo(running_echo):
    running_echo.clear()
    return running_echo


@pytest.fixture
def relay(running_relay):
    running_relay.reset()
    return running_relay


@pytest.fixture
def guard():
    with guardrail(INTERNAL_SECRET) as served:
        yield served
        assert served.problems == []
