"""Where the admin API is: as told, or where `relayctl dev` of this state directory has it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click

from common.settings import variable

URL_DEFAULT = "http://127.0.0.1:8000"
STORES = {"RELAY_DATABASE_URL": "postgres", "RELAY_REDIS_URL": "redis"}


class Address(NamedTuple):
    """The URL, and what to say of where it comes from should nobody be there."""

    url: str
    note: str = ""


def find_address(given: str | None) -> Address:
    """--url, RELAY_URL, the running stack's port, else port 8000. Raises `click.UsageError`."""
    for url, name in (given, "--url"), (variable("RELAY_URL"), "RELAY_URL"):
        if url:
            if not _is_http(url):
                raise click.UsageError(f"{name}: {url!r} is no http address, such as {URL_DEFAULT}")
            return Address(url)
    file = state_directory() / "processes.json"
    port = running("front_door").get("port")
    if not isinstance(port, int):
        return Address(
            URL_DEFAULT,
            f"that is where it is by default: no `relayctl dev` is written down in {file}. Give "
            "--url, or set RELAY_URL, or RELAY_STATE_DIR to the state of one that runs",
        )
    return Address(
        f"http://127.0.0.1:{port}",
        f"that is what {file} says: does that `relayctl dev` still run? Or give --url",
    )


def running(part: str) -> dict[str, Any]:
    """What the `relayctl dev` of the state directory has written down of a part; {} if nothing."""
    try:
        text = (state_directory() / "processes.json").read_text(encoding="utf-8")
        entry = json.loads(text)[part]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return entry if isinstance(entry, dict) else {}


def without_stores(environment: Mapping[str, str]) -> str:
    """What to add to an error of settings when a store is named nowhere; "" when both are."""
    if all(environment.get(name) for name in STORES):
        return ""
    file = state_directory() / "processes.json"
    return (
        f"\n  No `relayctl dev` is written down in {file} either: start it, set RELAY_STATE_DIR to "
        f"the state of one that runs, or set {' and '.join(STORES)}"
    )


def state_directory() -> Path:
    """Where `relayctl dev` keeps its state."""
    return Path(variable("RELAY_STATE_DIR") or ".relay").expanduser()


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    right = port_is_right and parts.scheme in ("http", "https") and bool(parts.hostname)
    return right and url.isprintable() and not parts.query and not parts.fragment
