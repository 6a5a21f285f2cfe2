"""One relay before the echo provider, with an account at each provider, for all cells."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import redis

from common.domain.accounts import AccountRecord, Options, credential_name
from common.domain.credentials import Credential, ServiceAccount, written
from common.identifiers import new_ulid
from common.keyring import Keyring
from echo_provider.aws_signature import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.echo import EchoProcess
from tests.support.processes import INTERNAL_SECRET
from tests.support.published_schemas import violations
from tests.support.relay_process import PREFIX, RelayProcess, eventually
from tests.support.servers import RedisServer

KEY = Credential(api_key="sk-of-the-matrix")
AWS = Credential(access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY)


class Column(NamedTuple):
    """A provider of the matrix: how it is called there, and the model that is asked of it."""

    title: str
    provider: str
    served_model: str
    base_path: str = ""
    credential: Credential = KEY
    fields: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        """What callers ask for, which only the column's account has."""
        return f"at-{self.title.lower().replace(' ', '-')}"


_CLASSIC = {"options": Options(api_version="2025-04-01-preview")}
COLUMNS = (
    Column("OpenAI", "openai", "gpt-5.2", "/v1"),
    Column("Anthropic", "anthropic", "claude-sonnet-4-5"),
    Column("Gemini", "gemini", "gemini-3-flash-preview"),
    Column("Azure", "azure_openai", "gpt-5.2", fields=_CLASSIC),
    Column(
        *("Bedrock", "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        credential=AWS,
        fields={"region": "eu-central-1"},
    ),
    Column("Vertex", "vertex", "gemini-2.5-flash", fields={"region": "europe-west1"}),
    Column(
        *("Vertex Claude", "vertex", "claude-sonnet-4-5@20250929"),
        fields={"region": "europe-west1"},
    ),
    Column("compatible", "openai_compatible", "gpt-4o", "/v1"),
)


class World:
    """What a cell needs: where relay is, its key, and what the provider received."""

    def __init__(self, relay: RelayProcess, echo: EchoProcess) -> None:
        self.url = relay.url
        self.key = relay.key
        self._relay = relay
        self._echo = echo

    def clear(self) -> None:
        """Forget what was received, and let no account rest."""
        self._echo.clear()
        with redis.Redis.from_url(self._relay.redis.url) as client:
            client.delete(f"{PREFIX}:cooldowns")

    def received(self) -> list[dict[str, Any]]:
        """What the provider received since `clear`, but for requests for tokens."""
        return [one for one in self._echo.received() if one["path"] != "/token"]

    def violations(self) -> list[str]:
        """What of it the provider's own schema does not have."""
        found = {text: None for one in self.received() for text in violations(one)}
        return list(found)

    def provider_refused(self) -> bool:
        """Whether the provider itself has found a request bad."""
        return any(one["status"] == 400 for one in self._echo.requests())

    def holds(self, data: str) -> bool:
        """Whether the last request has this text somewhere in its body."""
        return data in json.dumps(self.received()[-1]["body"], ensure_ascii=False)

    def wait_until_left(self) -> None:
        """Until the provider has seen the caller of its last answer leave."""
        eventually(lambda: self._echo.requests()[-1]["client_gone"])


@contextlib.contextmanager
def running_world(directory: Path) -> Iterator[World]:
    """Start everything, and end it."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(RedisServer(directory / "redis"))
        echo = stack.enter_context(EchoProcess(directory))
        # An account that serves any model would be asked in place of one that fails.
        environment = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""}
        relay = stack.enter_context(RelayProcess(directory, store, echo.url, **environment))
        relay.reset()
        account = httpx.get(f"{echo.url}/echo/service-account", trust_env=False).json()
        relay.project_accounts(*(_account(one, echo.url, account) for one in COLUMNS))
        yield World(relay, echo)


def _account(column: Column, url: str, service_account: dict[str, Any]) -> AccountRecord:
    credential = column.credential
    if column.provider == "vertex":
        names = ("client_email", "private_key", "token_uri", "private_key_id", "project_id")
        key = ServiceAccount(**{name: service_account[name] for name in names})
        credential = Credential(service_account=key)
    account_id = new_ulid()
    sealed = Keyring("", INTERNAL_SECRET).seal(written(credential), credential_name(account_id))
    return AccountRecord(
        id=account_id,
        name=column.title,
        provider=column.provider,
        base_url=url + column.base_path,
        models={column.model: column.served_model},
        sealed_credential=sealed,
        **(column.fields or {}),
    )
