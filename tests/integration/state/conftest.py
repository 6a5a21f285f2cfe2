"""The Redis of admission's tests: one server, and in long runs a Cluster of three primaries too."""

import pytest

from tests.support.redis_topologies import Cluster

TAG = "{relay}"


@pytest.fixture(scope="session")
def _admission_cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("admission") / "nodes", TAG) as cluster:
        yield cluster


@pytest.fixture(params=["one server", pytest.param("a cluster", marks=pytest.mark.soak)])
def admission_url(request):
    """Where all of admission must work alike. Each test empties it."""
    if request.param == "one server":
        return request.getfixturevalue("redis_url")
    return request.getfixturevalue("_admission_cluster").url
