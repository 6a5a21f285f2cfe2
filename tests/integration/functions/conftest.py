"""key_admin as a process, once a module; `admin_environment` may be another in a module."""

import pytest

from tests.support.console import Person
from tests.support.echo import EchoProcess
from tests.support.key_admin import served_key_admin


@pytest.fixture(scope="module")
def admin_environment():
    """What is added to the process's environment."""
    return {}


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory, admin_environment):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log, **admin_environment) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    """The module's process, with an empty Redis, which runs again afterwards."""
    yield served
    redis_server.start()


@pytest.fixture
def person(key_admin):
    """Somebody who is signed in to the console by the master key."""
    somebody = Person(key_admin)
    assert somebody.sign_in().status_code == 303
    yield somebody
    somebody.close()


@pytest.fixture(scope="module")
def running_echo(tmp_path_factory):
    with EchoProcess(tmp_path_factory.mktemp("echo")) as process:
        yield process


@pytest.fixture
def echo(running_echo):
    running_echo.clear()
    return running_echo
