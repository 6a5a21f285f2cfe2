"""The only reader of the environment: one frozen object per function.

A wrong value stops the start with the variable's name and an example. A function that can start
without a part (Redis, Postgres, the sink) starts and answers 503 until the part is there; what it
cannot do without (its secrets) is refused here.
"""

import os
from typing import TYPE_CHECKING, Literal

import msgspec

from common.domain.forwarded import NO_PROXIES, TrustedProxies
from common.domain.policies import Level
from common.domain.thresholds import DEFAULT_MARKS, parse_marks
from common.encryption_keys import parse_keys
from common.environment_accounts import BuiltInAccount, accounts_of
from common.pii_settings import PiiClient, pii_client_of, pii_models_of
from common.pii_settings import PiiSettings as PiiSettings  # noqa: PLC0414 - for our callers
from common.retention import Retention as Retention  # noqa: PLC0414 - for our callers
from common.retention import retention_of
from common.store_address import HasPassword, with_password
from common.variables import Environment, choice, parsed, secret, url, whole
from common.variables import SettingsError as SettingsError  # noqa: PLC0414 - for our callers

if TYPE_CHECKING:
    from common.identity_settings import IdentitySettings

# Guesses are throttled by address only, so the key itself must be out of reach: 16 hexadecimal
# digits, the poorest that anybody makes, are 64 bits. The chart makes 32 characters.
MASTER_KEY_CHARACTERS_MIN = 16
INTERNAL_SECRET_CHARACTERS_MIN = 32
# The queue-proxy waits 30 s before it passes SIGTERM on, out of the same grace period
# (knative/serving pkg/queue/sharedmain/main.go); 15 s more are left for flushing.
DRAIN_RESERVE_S = 45
LOG_BYTES_LEAST = 64 << 10


class LogFile(msgspec.Struct, frozen=True):
    """Where log lines go besides standard output, and how much of them is kept."""

    directory: str
    bytes_max: int
    files_max: int


class ServeSettings(msgspec.Struct, frozen=True):
    """How a function listens and logs. `environment` is a name for its log lines, or empty."""

    host: str
    port: int
    metrics_port: int
    timeout_s: int
    log_level: str
    environment: str = ""
    log_file: LogFile | None = None

    @property
    def drain_s(self) -> int:
        """How long open requests may go on after SIGTERM."""
        return max(self.timeout_s - DRAIN_RESERVE_S, 1)


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
    trusted_proxies: TrustedProxies
    accounts: tuple[BuiltInAccount, ...]
    default_token_limit: int
    unpriced_models: Literal["quarantine", "deny"]
    sticky_session_seconds: int
    cache_entry_bytes_max: int
    cache_tenant_bytes_max: int
    budget_thresholds: dict[Level, tuple[int, ...]]
    price_book_directory: str
    timeout_s: int
    connect_timeout_s: int
    first_byte_timeout_s: int
    first_token_timeout_s: int
    idle_timeout_s: int
    attempts_max: int
    retry_within_s: int
    log_level: str
    pii: PiiClient = PiiClient()

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
    trusted_proxies: TrustedProxies
    sink_url: str
    ce_overrides: str
    log_level: str
    identity: "IdentitySettings"
    # As `relay` has it: what would become of a request is said here.
    unpriced_models: Literal["quarantine", "deny"]
    pii: PiiClient = PiiClient()

    def __repr__(self) -> str:
        return f"KeyAdminSettings({self.state_prefix})"


class ExporterSettings(msgspec.Struct, frozen=True):
    """What `exporter` needs: the stores, and no secret but their passwords."""

    redis_url: str
    database_url: str
    state_prefix: str

    def __repr__(self) -> str:
        return f"ExporterSettings({self.state_prefix})"


class WorkerSettings(msgspec.Struct, frozen=True):
    """What the event functions need.

    Only `cleanup` asks providers, about jobs: as `relay` does, by the same accounts and prices.
    """

    redis_url: str
    database_url: str
    state_prefix: str
    internal_secret: str
    log_level: str
    retention: Retention = Retention()
    sweep_interval_s: int = 5
    encryption_keys: tuple[tuple[str, bytes], ...] = ()
    accounts: tuple[BuiltInAccount, ...] = ()
    price_book_directory: str = ""
    sink_url: str = ""
    ce_overrides: str = ""

    def __repr__(self) -> str:
        return f"WorkerSettings({self.state_prefix})"


def serve_settings(environment: Environment = os.environ) -> ServeSettings:
    """Where and how long to listen. Raises `SettingsError`."""
    return ServeSettings(
        host=environment.get("RELAY_HOST") or "0.0.0.0",
        port=whole(environment, "PORT", 8080, 0, 65535),
        metrics_port=whole(environment, "RELAY_METRICS_PORT", 9464, 0, 65535),
        timeout_s=whole(environment, "RELAY_TIMEOUT_S", 600, 1, 86_400),
        log_level=_log_level(environment),
        environment=environment.get("RELAY_ENVIRONMENT", ""),
        log_file=_log_file(environment),
    )


def relay_settings(environment: Environment = os.environ) -> RelaySettings:
    """The settings of `relay`. Raises `SettingsError`."""
    return RelaySettings(
        redis_url=_redis_url(environment),
        database_url=database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment),
        encryption_keys=_encryption_keys(environment),
        sink_url=_sink_url(environment),
        ce_overrides=environment.get("K_CE_OVERRIDES", ""),
        edge_token=environment.get("RELAY_EDGE_TOKEN", ""),
        trusted_proxies=_trusted_proxies(environment),
        accounts=accounts_of(environment),
        default_token_limit=whole(environment, "RELAY_DEFAULT_TOKEN_LIMIT", 0, 0, 10**15),
        unpriced_models=_unpriced_models(environment),
        sticky_session_seconds=whole(environment, "RELAY_STICKY_SESSION_S", 3600, 0, 604_800),
        cache_entry_bytes_max=whole(
            environment, "RELAY_CACHE_ENTRY_BYTES_MAX", 1 << 20, 1, 16 << 20
        ),
        cache_tenant_bytes_max=whole(
            environment, "RELAY_CACHE_TENANT_BYTES_MAX", 64 << 20, 0, 1 << 40
        ),
        budget_thresholds=parsed(
            environment,
            "RELAY_BUDGET_THRESHOLDS",
            DEFAULT_MARKS,
            parse_marks,
            "percents, maybe others for a level, e.g. 50,80,100 or 80,100;key=100",
        ),
        price_book_directory=environment.get("RELAY_PRICE_BOOK_DIRECTORY", ""),
        timeout_s=whole(environment, "RELAY_TIMEOUT_S", 600, 1, 86_400),
        connect_timeout_s=whole(environment, "RELAY_CONNECT_TIMEOUT_S", 5, 1, 600),
        first_byte_timeout_s=whole(environment, "RELAY_FIRST_BYTE_TIMEOUT_S", 300, 1, 86_400),
        first_token_timeout_s=whole(environment, "RELAY_FIRST_TOKEN_TIMEOUT_S", 0, 0, 86_400),
        idle_timeout_s=whole(environment, "RELAY_IDLE_TIMEOUT_S", 120, 1, 86_400),
        attempts_max=whole(environment, "RELAY_ATTEMPTS_MAX", 8, 1, 8),
        retry_within_s=whole(environment, "RELAY_RETRY_WITHIN_S", 600, 0, 86_400),
        log_level=_log_level(environment),
        pii=pii_client_of(environment),
    )


def _unpriced_models(environment: Environment) -> Literal["quarantine", "deny"]:
    return choice(environment, "RELAY_UNPRICED_MODELS", "deny", ("deny", "quarantine"))


def key_admin_settings(environment: Environment = os.environ) -> KeyAdminSettings:
    """The settings of `key_admin`. Raises `SettingsError`."""
    # No other function has sign-in on its way.
    from common.identity_settings import identity_settings

    return KeyAdminSettings(
        redis_url=_redis_url(environment),
        database_url=database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment),
        encryption_keys=_encryption_keys(environment),
        master_key=secret(
            environment, "PROXY_MASTER_KEY", MASTER_KEY_CHARACTERS_MIN, "openssl rand -hex 16"
        ),
        api_key_prefix=_api_key_prefix(environment),
        accounts=accounts_of(environment),
        edge_token=environment.get("RELAY_EDGE_TOKEN", ""),
        trusted_proxies=_trusted_proxies(environment),
        sink_url=_sink_url(environment),
        ce_overrides=environment.get("K_CE_OVERRIDES", ""),
        log_level=_log_level(environment),
        identity=identity_settings(environment),
        unpriced_models=_unpriced_models(environment),
        pii=pii_client_of(environment),
    )


def worker_settings(
    environment: Environment = os.environ, *, takes_events: bool = True
) -> WorkerSettings:
    """The settings of the event functions. Raises `SettingsError`.

    A command line tool takes no events, and so needs no secret to check their signatures.
    """
    return WorkerSettings(
        redis_url=_redis_url(environment),
        database_url=database_url(environment),
        state_prefix=_state_prefix(environment),
        internal_secret=_internal_secret(environment) if takes_events else "",
        log_level=_log_level(environment),
        retention=retention_of(environment),
        sweep_interval_s=whole(environment, "RELAY_SWEEP_INTERVAL_S", 5, 0, 86_400),
        sink_url=_sink_url(environment),
        ce_overrides=environment.get("K_CE_OVERRIDES", ""),
    )


def cleanup_settings(
    environment: Environment = os.environ, *, takes_events: bool = True
) -> WorkerSettings:
    """The settings of `cleanup`, which asks providers about jobs. Raises `SettingsError`.

    Without an encryption key credentials are opened by the internal secret, so a command line
    tool takes that too where it is given.
    """
    with_secret = takes_events or bool(environment.get("RELAY_INTERNAL_SECRET"))
    return msgspec.structs.replace(
        worker_settings(environment, takes_events=with_secret),
        encryption_keys=_encryption_keys(environment),
        accounts=accounts_of(environment),
        price_book_directory=environment.get("RELAY_PRICE_BOOK_DIRECTORY", ""),
    )


def notifications_settings(environment: Environment = os.environ) -> WorkerSettings:
    """The settings of `notifications`, which opens channels' secrets. Raises `SettingsError`."""
    settings = worker_settings(environment)
    return msgspec.structs.replace(settings, encryption_keys=_encryption_keys(environment))


def exporter_settings(environment: Environment = os.environ) -> ExporterSettings:
    """The settings of `exporter`. Raises `SettingsError`."""
    return ExporterSettings(
        redis_url=_redis_url(environment),
        database_url=database_url(environment),
        state_prefix=_state_prefix(environment),
    )


def pii_settings(environment: Environment = os.environ) -> PiiSettings:
    """The settings of `pii`. Raises `SettingsError`."""
    return PiiSettings(
        internal_secret=_internal_secret(environment), models=pii_models_of(environment)
    )


def variable(name: str, default: str = "", environment: Environment = os.environ) -> str:
    """One variable that is no setting of a function: a tool's, or one that many programs share."""
    return environment.get(name, default)


def inherited(environment: Environment = os.environ) -> dict[str, str]:
    """All variables, for a command line tool that starts other programs."""
    return dict(environment)


def _trusted_proxies(environment: Environment) -> TrustedProxies:
    expected = "a number of proxies, or their networks as CIDRs, e.g. 1 or 10.0.0.0/8,fd00::/8"
    return parsed(environment, "RELAY_TRUSTED_PROXIES", NO_PROXIES, TrustedProxies.parse, expected)


def _log_file(environment: Environment) -> LogFile | None:
    def size(text: str) -> int:
        unit = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(text[-1].lower(), 0)
        number = int(text[:-1] if unit else text) * (unit or 1)
        if number < LOG_BYTES_LEAST:
            raise ValueError
        return number

    expected = "a size of at least 64k in k, m or g, e.g. 10m"
    bytes_max = parsed(environment, "RELAY_LOG_MAX_SIZE", 10 << 20, size, expected)
    files_max = whole(environment, "RELAY_LOG_MAX_FILES", 5, 1, 1000)
    directory = environment.get("RELAY_LOG_DIRECTORY", "")
    return LogFile(directory, bytes_max, files_max) if directory else None


def _log_level(environment: Environment) -> str:
    return choice(environment, "RELAY_LOG_LEVEL", "info", ("debug", "info", "warning", "error"))


def _internal_secret(environment: Environment) -> str:
    return secret(
        environment, "RELAY_INTERNAL_SECRET", INTERNAL_SECRET_CHARACTERS_MIN, "openssl rand -hex 32"
    )


def _encryption_keys(environment: Environment) -> tuple[tuple[str, bytes], ...]:
    try:
        return parse_keys(environment.get("RELAY_ENCRYPTION_KEYS", ""))
    except ValueError as error:
        raise SettingsError(f"RELAY_ENCRYPTION_KEYS is {error}") from None


def _redis_url(environment: Environment) -> str:
    schemes = ("redis://", "rediss://", "unix://", "redis+", "rediss+")
    found = url(environment, "RELAY_REDIS_URL", schemes, "redis://:password@redis:6379/0")
    return _with_password(environment, "RELAY_REDIS", found)


def database_url(environment: Environment = os.environ) -> str:
    """Where Postgres is, password included. Raises `SettingsError`."""
    schemes = ("postgresql://", "postgres://")
    example = "postgresql://relay:password@postgres:5432/relay"
    found = url(environment, "RELAY_DATABASE_URL", schemes, example)
    return _with_password(environment, "RELAY_DATABASE", found)


def _with_password(environment: Environment, store: str, url: str) -> str:
    password = environment.get(f"{store}_PASSWORD", "")
    try:
        return with_password(url, password) if password else url
    except HasPassword:
        raise SettingsError(
            f"{store}_URL has a password and {store}_PASSWORD gives one too: take one of them away"
        ) from None


def _state_prefix(environment: Environment) -> str:
    def parse(text: str) -> str:
        if not text.replace("-", "").replace("_", "").isalnum():
            raise ValueError
        return f"{{relay:{text}}}"

    expected = "letters, digits, - and _, e.g. the Helm release's name"
    return parsed(environment, "RELAY_INSTALLATION", "{relay}", parse, expected)


def _api_key_prefix(environment: Environment) -> str:
    def parse(text: str) -> str:
        if len(text) > 16 or not text.replace("-", "").replace("_", "").isalnum():
            raise ValueError
        return text

    expected = "at most 16 letters, digits, - and _, e.g. cr_"
    return parsed(environment, "RELAY_API_KEY_PREFIX", "cr_", parse, expected)


def _sink_url(environment: Environment) -> str:
    value = environment.get("K_SINK", "")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(
            f"K_SINK={value!r}: must be an http address, e.g. "
            "http://broker-ingress.knative-eventing.svc.cluster.local/default/relay"
        )
    return value
