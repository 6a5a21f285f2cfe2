"""The only reader of the environment: one frozen object per function.

A wrong value stops the start with the variable's name and an example. A function that can start
without a part (Redis, Postgres, the sink) starts and answers 503 until the part is there; what it
cannot do without (its secrets) is refused here.
"""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import msgspec

Environment = Mapping[str, str]
_Value = TypeVar("_Value")

MASTER_KEY_CHARACTERS_MIN = 8
INTERNAL_SECRET_CHARACTERS_MIN = 32
ENCRYPTION_KEY_BYTES = 32
# The queue-proxy waits 30 s before it passes SIGTERM on, out of the same grace period
# (knative/serving pkg/queue/sharedmain/main.go); 15 s more are left for flushing.
DRAIN_RESERVE_S = 45
# 27 years: before 2000 there is nothing to keep, and no date overflows.
DAYS_MAX = 10_000


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the text names it and gives an example."""


class ServeSettings(msgspec.Struct, frozen=True):
    """How a function listens."""

    host: str
    port: int
    metrics_port: int
    timeout_s: int
    log_level: str

    @property
    def drain_s(self) -> int:
        """How long open requests may go on after SIGTERM."""
        return max(self.timeout_s - DRAIN_RESERVE_S, 1)


class BuiltInAccount(msgspec.Struct, frozen=True):
    """A provider credential from the environment. `__repr__` hides the key."""

    provider: Literal["openai", "anthropic"]
    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"BuiltInAccount({self.provider}, {self.base_url})"


class RelaySettings(msgspec.Struct, frozen=True):
    """What `relay` needs."""

    redis_url: str
    database_url: str
    state_prefix: str
    internal_secret: str
    encryption_keys: tuple[tuple[str, bytes], ...]
    sink_url: str
    ce_overrides: str
    edge_token: str
    accounts: tuple[BuiltInAccount, ...]
    unpriced_models: Literal["quarantine", "deny"]
    timeout_s: int
    first_byte_timeout_s: int
    idle_timeout_s: int
    log_level: str

    def __repr__(self) -> str:
        return f"RelaySettings({self.state_prefix})"


class KeyAdminSettings(msgspec.Struct, frozen=True):
    """What `key_admin` needs."""

    redis_url: str
    database_url: str
    state_prefix: str
    internal_secret: str
    encryption_keys: tuple[tuple[str, bytes], ...]
    master_key: str
    api_key_prefix: str
    accounts: tuple[BuiltInAccount, ...]
    edge_token: str
    sink_url: str
    ce_overrides: str
    log_level: str

    def __repr__(self) -> str:
        return f"KeyAdminSettings({self.state_prefix})"


class Retention(msgspec.Struct, frozen=True):
    """After how many days `cleanup` deletes what; 0 keeps it for ever."""

    ledger_days: int = 0
    rollup_days: int = 0
    audit_days: int = 365
    quarantine_days: int = 90


class WorkerSettings(msgspec.Struct, frozen=True):
    """What the event functions `usage_aggregation` and `cleanup` need."""

    redis_url: str
    database_url: str
    state_prefix: str
    internal_secret: str
    log_level: str
    retention: Retention = Retention()

    def __repr__(self) -> str:
        return f"WorkerSettings({self.state_prefix})"


def serve_settings(environment: Environment = os.environ) -> ServeSettings:
    """Where and how long to listen. Raises `SettingsError`."""
    return ServeSettings(
        host=environment.get("RELAY_HOST", "0.0.0.0"),
        port=_whole(environment, "PORT", 8080, 0, 65535),
        metrics_port=_whole(environment, "RELAY_METRICS_PORT", 9464, 0, 65535),
        timeout_s=_whole(environment, "RELAY_TIMEOUT_S", 600, 1, 86_400),
        log_level=_log_level(environment),
    )


def relay_settings(environment: Environment = os.environ) -> RelaySettings:
    """The settings of `relay`. Raises `SettingsError`."""
    return RelaySettings(
        redis_url=_redis_url(environment),
        database_url=_database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment),
        encryption_keys=_encryption_keys(environment),
        sink_url=_sink_url(environment),
        ce_overrides=environment.get("K_CE_OVERRIDES", ""),
        edge_token=environment.get("RELAY_EDGE_TOKEN", ""),
        accounts=_built_in_accounts(environment),
        unpriced_models=_choice(
            environment, "RELAY_UNPRICED_MODELS", "quarantine", ("quarantine", "deny")
        ),
        timeout_s=_whole(environment, "RELAY_TIMEOUT_S", 600, 1, 86_400),
        first_byte_timeout_s=_whole(environment, "RELAY_FIRST_BYTE_TIMEOUT_S", 300, 1, 86_400),
        idle_timeout_s=_whole(environment, "RELAY_IDLE_TIMEOUT_S", 120, 1, 86_400),
        log_level=_log_level(environment),
    )


def key_admin_settings(environment: Environment = os.environ) -> KeyAdminSettings:
    """The settings of `key_admin`. Raises `SettingsError`."""
    return KeyAdminSettings(
        redis_url=_redis_url(environment),
        database_url=_database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment),
        encryption_keys=_encryption_keys(environment),
        master_key=_secret(
            environment, "PROXY_MASTER_KEY", MASTER_KEY_CHARACTERS_MIN, "openssl rand -hex 16"
        ),
        api_key_prefix=_api_key_prefix(environment),
        accounts=_built_in_accounts(environment),
        edge_token=environment.get("RELAY_EDGE_TOKEN", ""),
        sink_url=_sink_url(environment),
        ce_overrides=environment.get("K_CE_OVERRIDES", ""),
        log_level=_log_level(environment),
    )


def worker_settings(
    environment: Environment = os.environ, *, takes_events: bool = True
) -> WorkerSettings:
    """The settings of the event functions. Raises `SettingsError`.

    A command line tool takes no events, and so needs no secret to check their signatures.
    """
    return WorkerSettings(
        redis_url=_redis_url(environment),
        database_url=_database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment) if takes_events else "",
        log_level=_log_level(environment),
        retention=_retention(environment),
    )


def variable(name: str, default: str = "", environment: Environment = os.environ) -> str:
    """One variable for a command line tool, which has its own options beside it."""
    return environment.get(name, default)


def inherited(environment: Environment = os.environ) -> dict[str, str]:
    """All variables, for a command line tool that starts other programs."""
    return dict(environment)


def _whole(environment: Environment, name: str, default: int, least: int, most: int) -> int:
    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    return _parsed(
        environment, name, default, parse, f"a whole number from {least} to {most}, e.g. {default}"
    )


def _parsed(
    environment: Environment,
    name: str,
    default: _Value,
    parse: Callable[[str], _Value],
    expected: str,
) -> _Value:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except ValueError:
        raise SettingsError(f"{name}={text!r}: must be {expected}") from None


def _choice(
    environment: Environment, name: str, default: _Value, choices: tuple[_Value, ...]
) -> _Value:
    def parse(text: str) -> _Value:
        for choice in choices:
            if text == choice:
                return choice
        raise ValueError

    words = " or ".join(str(choice) for choice in choices)
    return _parsed(environment, name, default, parse, words)


def _retention(environment: Environment) -> Retention:
    def days(name: str, default: int) -> int:
        return _whole(environment, f"RELAY_{name}_RETENTION_DAYS", default, 0, DAYS_MAX)

    default = Retention()
    return Retention(
        ledger_days=days("LEDGER", default.ledger_days),
        rollup_days=days("ROLLUP", default.rollup_days),
        audit_days=days("AUDIT", default.audit_days),
        quarantine_days=days("QUARANTINE", default.quarantine_days),
    )


def _log_level(environment: Environment) -> str:
    return _choice(environment, "RELAY_LOG_LEVEL", "info", ("debug", "info", "warning", "error"))


def _secret(environment: Environment, name: str, least: int, example: str) -> str:
    value = environment.get(name, "")
    if len(value) < least:
        raise SettingsError(
            f"{name} is {'missing' if not value else 'too short'}: at least {least} characters, "
            f"e.g. from `{example}`"
        )
    return value


def _internal_secret(environment: Environment) -> str:
    return _secret(
        environment, "RELAY_INTERNAL_SECRET", INTERNAL_SECRET_CHARACTERS_MIN, "openssl rand -hex 32"
    )


def _encryption_keys(environment: Environment) -> tuple[tuple[str, bytes], ...]:
    return parse_encryption_keys(environment.get("RELAY_ENCRYPTION_KEYS", ""))


def parse_encryption_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """`id:base64 of 32 bytes`, several separated by commas, the current one first.

    Raises `SettingsError`.
    """
    keys: dict[str, bytes] = {}
    for entry in filter(None, text.split(",")):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key) != ENCRYPTION_KEY_BYTES or key_id in {*keys, "internal"}:
            # The value is secret: it is never repeated.
            raise SettingsError(
                "RELAY_ENCRYPTION_KEYS is a list of `id:base64 of 32 bytes` with different ids "
                '(not `internal`), the current one first, e.g. 2026-11:"$(openssl rand -base64 32)"'
            )
        keys[key_id] = key
    return tuple(keys.items())


def _redis_url(environment: Environment) -> str:
    return _url(
        environment,
        "RELAY_REDIS_URL",
        ("redis://", "rediss://", "unix://"),
        "redis://:password@redis:6379/0",
    )


def _database_url(environment: Environment) -> str:
    return _url(
        environment,
        "RELAY_DATABASE_URL",
        ("postgresql://", "postgres://"),
        "postgresql://relay:password@postgres:5432/relay",
    )


def _url(environment: Environment, name: str, schemes: tuple[str, ...], example: str) -> str:
    value = environment.get(name, "")
    if not value.startswith(schemes):
        # The value may carry a password: it is never repeated.
        raise SettingsError(
            f"{name} {'is not set' if not value else 'has another scheme'}: it starts with "
            f"{' or '.join(schemes)}, e.g. {example}"
        )
    return value


def _state_prefix(environment: Environment) -> str:
    def parse(text: str) -> str:
        if not text.replace("-", "").replace("_", "").isalnum():
            raise ValueError
        return f"{{relay:{text}}}"

    expected = "letters, digits, - and _, e.g. the Helm release's name"
    return _parsed(environment, "RELAY_INSTALLATION", "{relay}", parse, expected)


def _api_key_prefix(environment: Environment) -> str:
    def parse(text: str) -> str:
        if len(text) > 16 or not text.replace("-", "").replace("_", "").isalnum():
            raise ValueError
        return text

    expected = "at most 16 letters, digits, - and _, e.g. cr_"
    return _parsed(environment, "RELAY_API_KEY_PREFIX", "cr_", parse, expected)


def _sink_url(environment: Environment) -> str:
    value = environment.get("K_SINK", "")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(
            f"K_SINK={value!r}: must be an http address, e.g. "
            "http://broker-ingress.knative-eventing.svc.cluster.local/default/relay"
        )
    return value


def _built_in_accounts(environment: Environment) -> tuple[BuiltInAccount, ...]:
    accounts = []
    if api_key := environment.get("OPENAI_API_KEY", ""):
        base_url = _base_url(environment, "OPENAI_BASE_URL", "https://api.openai.com/v1")
        # openai-python's base URL ends in /v1, anthropic-sdk-python's does not; take both forms.
        if base_url.count("/") == 2:
            base_url += "/v1"
        accounts.append(BuiltInAccount("openai", base_url, api_key))
    if api_key := environment.get("ANTHROPIC_API_KEY", ""):
        base_url = _base_url(environment, "ANTHROPIC_BASE_URL", "https://api.anthropic.com")
        accounts.append(BuiltInAccount("anthropic", base_url.removesuffix("/v1"), api_key))
    return tuple(accounts)


def _base_url(environment: Environment, name: str, default: str) -> str:
    def parse(text: str) -> str:
        if not text.startswith(("http://", "https://")) or len(text.split("/")[2]) == 0:
            raise ValueError
        return text.rstrip("/")

    return _parsed(environment, name, default, parse, f"an http address, e.g. {default}")
