"""What `relayctl dev` takes from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cli.dev.errors import CannotStart
from common.settings import MASTER_KEY_CHARACTERS_MIN
from common.store_address import HasPassword, with_password

PORT_DEFAULT = 8000
# What an upstream is sent that has an address and no key.
NO_KEY = "none"
# Made anew for each function, or for one function only: not handed on as they are.
_NOT_HANDED_ON = re.compile(
    r"^(PORT|K_SINK|K_CE_OVERRIDES|PROXY_MASTER_KEY|(OPENAI|ANTHROPIC)_(API_KEY|BASE_URL)"
    r"|RELAY_(PORT|HOST|STATE_DIR|METRICS_PORT|(DATABASE|REDIS)_(URL|PASSWORD)|INTERNAL_SECRET"
    r"|EDGE_TOKEN"
    # Without bytecode each start of a function costs half a second more.
    r"|FRONT_DOOR_.*)|PYTHONDONTWRITEBYTECODE)$"
)


@dataclass(frozen=True)
class DevOptions:
    """The options; `providers` are the variables of `relay` for the real providers, if any.

    `pii_models` is empty where `pii` is not to run.
    """

    port: int
    state: Path
    master_key: str
    database_url: str
    redis_url: str
    providers: dict[str, str]
    pii_models: str
    handed_on: dict[str, str]

    def __repr__(self) -> str:
        return f"DevOptions({self.port}, {self.state})"


def dev_options(environment: Mapping[str, str]) -> DevOptions:
    """The options in `environment`. Raises `CannotStart` naming the variable."""
    master_key = environment.get("PROXY_MASTER_KEY", "")
    if master_key and len(master_key) < MASTER_KEY_CHARACTERS_MIN:
        raise CannotStart(
            f"PROXY_MASTER_KEY is too short: at least {MASTER_KEY_CHARACTERS_MIN} characters, e.g. "
            "from `openssl rand -hex 16`; or leave it out and one is made."
        )
    return DevOptions(
        port=_port(environment.get("RELAY_PORT", "")),
        state=Path(environment.get("RELAY_STATE_DIR") or ".relay").expanduser().absolute(),
        master_key=master_key,
        database_url=_store_url(environment, "RELAY_DATABASE"),
        redis_url=_store_url(environment, "RELAY_REDIS"),
        providers=_providers(environment),
        pii_models=_pii_models(environment),
        handed_on={
            name: value for name, value in environment.items() if not _NOT_HANDED_ON.match(name)
        },
    )


def _pii_models(environment: Mapping[str, str]) -> str:
    """The models of `pii`, where it was asked for; its packages are no part of `make dev`."""
    models = environment.get("RELAY_PII_MODELS", "")
    if models and find_spec("spacy") is None:
        raise CannotStart(
            "RELAY_PII_MODELS (--pii) asks for the function pii, whose packages are not "
            "installed: `.venv/bin/pip install --require-hashes -r requirements/pii.txt`."
        )
    return models


def _store_url(environment: Mapping[str, str], store: str) -> str:
    """A store of the caller's own, with its password; empty for ours, which has another one."""
    url, password = (environment.get(f"{store}_{part}", "") for part in ("URL", "PASSWORD"))
    try:
        return with_password(url, password) if url and password else url
    except HasPassword:
        raise CannotStart(
            f"{store}_URL has a password and {store}_PASSWORD gives one too: take one away."
        ) from None


def _port(text: str) -> int:
    if not text:
        return PORT_DEFAULT
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    raise CannotStart(f"RELAY_PORT={text!r}: must be a port number, e.g. {PORT_DEFAULT}.")


def _providers(environment: Mapping[str, str]) -> dict[str, str]:
    """The providers that are set. An address alone is an upstream that wants no key."""
    found: dict[str, str] = {}
    for provider in ("OPENAI", "ANTHROPIC"):
        api_key = environment.get(f"{provider}_API_KEY", "")
        base_url = environment.get(f"{provider}_BASE_URL", "")
        if api_key or base_url:
            found[f"{provider}_API_KEY"] = api_key or NO_KEY
        if base_url:
            found[f"{provider}_BASE_URL"] = base_url
    return found
