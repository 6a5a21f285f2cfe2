"""relayctl in this process, against a server that answers as it is told."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from cli.main import relayctl
from tests.support.admin_server import AdminServer

MASTER_KEY = "the master key of these tests"


class Relayctl:
    """Runs commands; `server` answers them."""

    def __init__(self, server: AdminServer) -> None:
        self.server = server

    def __call__(self, *arguments: str, url: str | None = None, stdin: str = "") -> Result:
        given = ["--url", url or self.server.url]
        return CliRunner().invoke(relayctl, [*arguments, *given], input=stdin, prog_name="relayctl")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[Relayctl]:
    """A command line whose master key is in its environment, and that waits for nobody."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("PROXY_MASTER_KEY", MASTER_KEY)
    monkeypatch.setattr("cli.admin.client.WAIT_S_FIRST", 0.0)
    server = AdminServer()
    yield Relayctl(server)
    server.close()
