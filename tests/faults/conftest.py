"""One stack for all fault tests of a worker: each looks at its own requests only."""

import pytest

from tests.support.fault_stack import FaultStack


@pytest.fixture(scope="package")
def _shared(tmp_path_factory):
    with FaultStack(tmp_path_factory.mktemp("faults")) as stack:
        yield stack


@pytest.fixture
def stack(_shared):
    """The stack, all of which runs."""
    _shared.redis_server.start()
    _shared.postgres_server.start()
    return _shared
