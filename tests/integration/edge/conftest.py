"""A started edge before a function, for the tests of this folder."""

import os

import httpx
import pytest

from cli.dev.ports import free_port
from tests.support.edge import (
    KEY_ADMIN_HOST,
    NO_NGINX,
    RELAY_HOST,
    TOKEN_LINE,
    Edge,
    NameServer,
    find_nginx,
)
from tests.support.processes import ServedProcess


@pytest.fixture(scope="session", autouse=True)
def nginx():
    """All of `make test` but this folder runs without it; continuous integration has it always."""
    if find_nginx() is None and not os.environ.get("CI"):
        pytest.skip(NO_NGINX)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    log = tmp_path_factory.mktemp("upstream") / "log"
    process = ServedProcess("tests.support.upstream:application", free_port(), log)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def names():
    server = NameServer(RELAY_HOST, KEY_ADMIN_HOST)
    yield server
    server.close()


@pytest.fixture(scope="module")
def make_edge(upstream, names):
    """Makes a started edge; each is removed at the end."""
    made = []

    def make(*, start=True, token_line=TOKEN_LINE, **values):
        values = {"resolver": names.address, "backendPort": upstream.port} | values
        edge = Edge(port=free_port(), token_line=token_line, **values)
        made.append(edge)
        if start:
            edge.start()
        return edge

    yield make
    for edge in made:
        edge.remove()


@pytest.fixture(scope="module")
def edge(make_edge):
    return make_edge()


@pytest.fixture
def client(edge):
    with httpx.Client(base_url=f"http://127.0.0.1:{edge.port}", timeout=20) as client:
        yield client
