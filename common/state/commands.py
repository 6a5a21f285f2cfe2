"""What the state adapters need of a Redis connection, the scripts they call, how calls fail.

Two implementations: `connection.MultiplexedConnection` for the hot path of relay, and
`client.RedisPyCommands` for every other process. Both answer the same.
"""

import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Argument: TypeAlias = str | bytes | int

CALL_TIMEOUT_MS = 2_000
CONNECT_TIMEOUT_MS = 1_000

# The server refused before it executed anything, and later it may not: a matter of its state.
_PASSING = frozenset(
    (
        "ASK",  # a Cluster is moving our slot to another node
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    )
)
_IN_SCRIPT = re.compile(r"^ERR Error (?:running|compiling) script .*?-([A-Z]+) (.*)", re.DOTALL)

_SCRIPTS = Path(__file__).parent / "lua"
_USES = "-- uses: "


class RedisUnavailable(Exception):
    """Redis gave no answer: not connected, too slow, overloaded, loading, or lost in mid-call.

    `sent` tells whether the server may have executed the call: False means that it surely did
    not; True means that the outcome is unknown, so only a call that is idempotent may be repeated.
    """

    def __init__(self, reason: str, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class RedisReplyError(Exception):
    """Redis answered with an error, such as `WRONGTYPE …`; repeating the call changes nothing."""

    @property
    def code(self) -> str:
        """The error's first word, such as `ERR`, `WRONGTYPE` or `NOPERM`."""
        return str(self).partition(" ")[0]


def failure(text: str) -> RedisReplyError | RedisUnavailable:
    """What an error reply such as `WRONGTYPE Operation against …` is to the caller."""
    # Redis 6 wraps what a command in a script was refused with; later ones do not.
    within = _IN_SCRIPT.match(text)
    code, plain = within.groups() if within else (text.partition(" ")[0], text)
    if code in _PASSING:
        return RedisUnavailable(f"{code} {plain}" if within else text, sent=False)
    return RedisReplyError(text)


class Script:
    """A Lua script: its name, its source, and the SHA-1 by which EVALSHA finds it."""

    __slots__ = ("name", "sha", "source")

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __repr__(self) -> str:
        return f"Script({self.name!r}, sha={self.sha!r})"

    @staticmethod
    def load(name: str) -> "Script":
        """The script of `lua/<name>.lua`, read at its first use.

        A file whose first line is `-- uses: <names>` is preceded by those files.
        Raises `LookupError` when there is no such file.
        """
        return _load(name)


class RedisCommands(Protocol):
    """A Redis to talk to. Safe for any number of concurrent callers on one event loop."""

    async def call(self, *arguments: Argument) -> Any:
        """Execute one command; strings go out as UTF-8.

        Bulk replies and simple strings are bytes, integers int, nil None, arrays lists (an error
        nested in an array is a `RedisReplyError` in its place). Blocking commands, SUBSCRIBE,
        MULTI and SELECT belong to a connection of their own: not here.
        Raises `RedisReplyError`, `RedisUnavailable`.
        """

    async def script(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """Execute a script by EVALSHA; where the server does not know it, load it and repeat.

        Replies and errors as with `call`.
        """

    async def close(self) -> None:
        """Let calls in flight finish, within their timeouts, then disconnect. Final."""


@functools.cache
def _load(name: str) -> Script:
    source = _read(name)
    first = source.partition("\n")[0]
    used = first.removeprefix(_USES).split() if first.startswith(_USES) else []
    return Script(name, "\n".join([*(_read(one) for one in used), source]))


def _read(name: str) -> str:
    try:
        return (_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"there is no script {name!r} in {_SCRIPTS}") from None
