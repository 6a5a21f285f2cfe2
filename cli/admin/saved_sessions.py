"""Sessions of `relayctl login`, kept in a file for its user alone, by the server's address."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.admin.errors import Refused
from common.settings import variable

if TYPE_CHECKING:
    from cli.admin.client import Client

# Old enough to be replaced before a command that takes a while.
SPARE_S = 30.0


def file() -> Path:
    """Where they are kept."""
    return Path(variable("RELAY_SESSIONS_FILE") or "~/.config/relay/sessions.json").expanduser()


def has(url: str) -> bool:
    """Whether somebody is signed in there."""
    return url in _read()


def keep(url: str, tokens: dict[str, Any]) -> None:
    """Keep what the server answered."""
    entry = {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "until": time.time() + tokens["expires_in"],
    }
    _write(_read() | {url: entry})


def forget(url: str) -> None:
    """Forget the session there."""
    _write({name: entry for name, entry in _read().items() if name != url})


def access_token(url: str, client: "Client") -> str:
    """The session's access token, a fresh one where it has ended. Raises `Refused`.

    `client` asks without a key.
    """
    entry = _read()[url]
    if entry["until"] - SPARE_S > time.time():
        return str(entry["access_token"])
    body = {"refresh_token": entry["refresh_token"]}
    try:
        tokens = client.send("POST", "/internal/session/refresh", body=body).body
    except Refused:
        forget(url)
        raise Refused(f"the session at {url} is over: sign in again by `relayctl login`") from None
    keep(url, tokens)
    return str(tokens["access_token"])


def _read() -> dict[str, Any]:
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(entries: dict[str, Any]) -> None:
    """Whole or not at all, and for nobody else to read."""
    target = file()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(entries, stream)
    new.replace(target)
