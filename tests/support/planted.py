"""Secrets that the suite plants everywhere, looked for in all that it leaves behind.

Every credential of a provider that a test uses begins with `sk-`, so what has that form outside of
the tests themselves has leaked; so have a whole key of Relay's, and the installation's secrets.
Looked through are what processes logged, what they wrote into Redis (events of the outbox stand
there too) and Postgres' log of changes, and all output that pytest captured.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support import admin_cli, key_admin
from tests.support.processes import INTERNAL_SECRET

WHOLE = (INTERNAL_SECRET, key_admin.MASTER_KEY, admin_cli.MASTER_KEY, "planted-password")
# What each begins with, which is searched for first: most of what is looked through is binary.
SECRETS = {
    b"sk-": re.compile(rb"(?<![A-Za-z0-9-])sk-[a-z][A-Za-z0-9_-]{4,}"),
    b"cr_": re.compile(rb"\bcr_[0-9A-Za-z_-]{40,}"),
    b"AKIA": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    **{one.encode(): re.compile(re.escape(one.encode())) for one in WHOLE},
}
# Logs of processes, Redis' files, Postgres' log of changes.
LOOKED_THROUGH = ("**/*.log", "**/*.aof", "**/*.rdb", "**/pg_wal/0*")


def in_text(name: str, text: bytes) -> Iterator[str]:
    """Each secret that stands in it, with where it was found."""
    for beginning, whole in SECRETS.items():
        at = text.find(beginning)
        while at >= 0:
            if found := whole.match(text, at):
                yield f"{name}, at {at}: {found[0].decode()}"
            at = text.find(beginning, at + 1)


def in_files(directory: Path) -> Iterator[str]:
    """The same for all that processes of the suite left below that directory."""
    for pattern in LOOKED_THROUGH:
        for path in directory.glob(pattern):
            if path.is_file():
                yield from in_text(str(path), path.read_bytes())


class Captured:
    """What pytest captured of tests that have run."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look_through(self, test: str, sections: Iterable[tuple[str, str]]) -> None:
        """`sections` are (title, text) of a report."""
        for title, text in sections:
            self.found += in_text(f"{test}, {title}", text.encode())
