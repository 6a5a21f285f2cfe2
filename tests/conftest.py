"""Fixtures that all tests share: real stores, and an environment without surprises."""

import asyncio
import inspect
import os
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests.support.planted import Captured, in_files
from tests.support.servers import PostgresServer, RedisServer

ANSWER_S_MAX = 60.0
_SCRUBBED_PREFIXES = ("RELAY_", "OPENAI_", "ANTHROPIC_", "K_")
_SCRUBBED = frozenset(
    ("PROXY_MASTER_KEY", "PORT", "PGHOST", "PGUSER", "PGDATABASE", "PGPORT", "PGPASSWORD")
)


# The same examples in every run, so that a test that fails has found what was just changed. New
# ones are looked for by `make soak`, which runs all that hypothesis draws for under `searching`.
# An example may take as long as a busy machine makes it; `timeout` ends what hangs.
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "known", deadline=None, derandomize=True, max_examples=40, suppress_health_check=SLOW
)
settings.register_profile(
    "searching", deadline=None, max_examples=300, suppress_health_check=SLOW, print_blob=True
)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the developer's own settings reaches a test, nor what a test starts."""
    for name in list(os.environ):
        if name.startswith(_SCRUBBED_PREFIXES) or name in _SCRUBBED:
            del os.environ[name]
    settings.load_profile(config.getoption("--hypothesis-profile") or "known")
    # A busy machine answers late: httpx gives up after 5 s where a call does not say otherwise.
    for phase in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, phase, ANSWER_S_MAX)


_captured = Captured()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """All that tests and what they start print is looked through for secrets."""
    _captured.look_through(report.nodeid, report.sections)


@pytest.fixture(scope="session", autouse=True)
def secrets_stay_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever ran, no secret stands in its output, its logs or its stores."""
    yield
    leaked = [*_captured.found, *in_files(tmp_path_factory.getbasetemp())]
    assert not leaked, "\n".join(leaked[:20])


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Postgres of this worker; a test that stops or kills it need not start it again."""
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with all migrations applied."""
    postgres_server.start()
    postgres_server.use_template(_migrate)
    with postgres_server.database(migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with nothing in it."""
    with postgres_server.database(migrated=False) as url:
        yield url


@pytest.fixture(scope="session")
def _worker_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(_worker_redis: RedisServer) -> RedisServer:
    """An empty, running Redis of this worker, to be stopped, killed and started by the test."""
    _worker_redis.start()
    _worker_redis.flush()
    return _worker_redis


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    return redis_server.url


def _migrate(url: str) -> None:
    try:
        from common.store.migrate import migrate
    except ModuleNotFoundError:
        return  # not written yet
    answer = migrate(url)
    if inspect.isawaitable(answer):

        async def wait() -> None:
            await answer

        asyncio.run(wait())
