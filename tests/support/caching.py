"""Asking a relay whose response cache is on, and what its answers say of it."""

from typing import Any

import httpx

from common.domain.content_rules import ContentRules
from common.domain.policies import Policy
from tests.support.echo import EchoProcess
from tests.support.relay_process import CHAT, RelayProcess, ask

TEAM, OTHER_TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAW"
SECRET_WORD = "walnut"


def caching(mode: str = "on", **members: Any) -> Policy:
    """A policy that keeps answers."""
    return Policy(content=ContentRules(response_cache={"mode": mode, **members}))


def post(
    relay: RelayProcess, key: str, path: str = CHAT, body: Any = None, **headers: str
) -> httpx.Response:
    """One call; headers are named with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return relay.client.post(
        path,
        json=body if body is not None else ask("openai", SECRET_WORD),
        headers={"authorization": f"Bearer {key}", **named},
    )


def said(answer: httpx.Response) -> str | None:
    """What a good answer says of the cache."""
    assert answer.status_code == 200, answer.text
    return answer.headers.get("x-relay-cache")


def upstream(echo: EchoProcess) -> int:
    """How often the provider was asked."""
    return len(echo.requests())
