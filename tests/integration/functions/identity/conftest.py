"""key_admin with an administrator's password and an identity provider, both real, once a worker."""

import pytest

from tests.support.identity import People, identity_environment
from tests.support.identity_provider import served_identity_provider
from tests.support.key_admin import served_key_admin


@pytest.fixture(scope="session")
def identity_provider(tmp_path_factory):
    with served_identity_provider(tmp_path_factory.mktemp("identity_provider") / "log") as provider:
        yield provider


@pytest.fixture(scope="session")
def served(postgres_server, _worker_redis, tmp_path_factory, identity_provider):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    environment = identity_environment(identity_provider.issuer)
    with served_key_admin(postgres_server, _worker_redis, log, **environment) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    """The process, with an empty Redis."""
    return served


@pytest.fixture
def people(key_admin, identity_provider):
    """Callers of all roles."""
    return People(key_admin, identity_provider.issuer)
