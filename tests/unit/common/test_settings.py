"""Settings: what each function reads, and the sentence it stops with."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from common.settings import (
    LogFile,
    Retention,
    SettingsError,
    key_admin_settings,
    relay_settings,
    serve_settings,
    worker_settings,
)
from common.state.address import RedisAddress

STORES = {
    "RELAY_REDIS_URL": "redis://:hunter2@localhost:6379/0",
    "RELAY_DATABASE_URL": "postgresql://relay:hunter2@localhost/relay",
    "RELAY_INTERNAL_SECRET": "s" * 32,
}
ALL = STORES | {"PROXY_MASTER_KEY": "m" * 16}


def test_defaults():
    settings = serve_settings({})
    assert (settings.port, settings.metrics_port, settings.timeout_s) == (8080, 9464, 600)
    assert settings.drain_s == 555
    relay = relay_settings(STORES)
    assert relay.state_prefix == "{relay}"
    assert relay.accounts == ()
    assert key_admin_settings(ALL).api_key_prefix == "cr_"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("PORT", "eighty", serve_settings),
        ("PORT", "70000", serve_settings),
        ("RELAY_TIMEOUT_S", "0", serve_settings),
        ("RELAY_METRICS_PORT", "-1", serve_settings),
        ("RELAY_LOG_LEVEL", "loud", serve_settings),
        *(("RELAY_LOG_MAX_SIZE", size, serve_settings) for size in ("10q", "m", "1k", "-9m")),
        ("RELAY_LOG_MAX_FILES", "0", serve_settings),
        ("RELAY_REDIS_URL", "", relay_settings),
        ("RELAY_REDIS_URL", "http://x", relay_settings),
        ("RELAY_DATABASE_URL", "mysql://x", relay_settings),
        ("RELAY_INTERNAL_SECRET", "short", worker_settings),
        ("RELAY_LEDGER_RETENTION_DAYS", "-1", worker_settings),
        ("RELAY_ROLLUP_RETENTION_DAYS", "10001", worker_settings),
        ("RELAY_AUDIT_RETENTION_DAYS", "a year", worker_settings),
        ("RELAY_QUARANTINE_RETENTION_DAYS", "1.5", worker_settings),
        ("RELAY_INSTALLATION", "a}b", relay_settings),
        ("RELAY_UNPRICED_MODELS", "maybe", relay_settings),
        ("RELAY_BUDGET_THRESHOLDS", "half", relay_settings),
        ("K_SINK", "kafka://x", relay_settings),
        ("PROXY_MASTER_KEY", "", key_admin_settings),
        ("PROXY_MASTER_KEY", "m" * 15, key_admin_settings),
        ("RELAY_API_KEY_PREFIX", "with space", key_admin_settings),
    ],
)
def test_a_wrong_value_is_named(name, value, read):
    with pytest.raises(SettingsError, match=name):
        read(ALL | {name: value})


def test_what_is_kept_for_how_long():
    kept = worker_settings(ALL).retention
    assert kept == Retention(ledger_days=0, rollup_days=0, audit_days=365, quarantine_days=90)
    names = ("LEDGER", "ROLLUP", "AUDIT", "QUARANTINE")
    days = (1, 32, 2, 3)
    assert worker_settings(ALL | retention(names, days)).retention == Retention(*days)


def retention(names, days):
    return {
        f"RELAY_{name}_RETENTION_DAYS": str(each) for name, each in zip(names, days, strict=True)
    }


@pytest.mark.parametrize(
    ("ledger", "rollup", "said"),
    [
        (0, 1, r"for ever\): .* to 0 \(for ever\)$"),
        (0, 10_000, r"for ever\): .* to 0 \(for ever\)$"),
        (30, 7, "or at least 61"),
        (30, 60, "or at least 61"),
    ],
)
def test_sums_that_would_end_before_their_rows_stop_the_start(ledger, rollup, said):
    wrong = ALL | retention(("LEDGER", "ROLLUP"), (ledger, rollup))
    names = f"RELAY_ROLLUP_RETENTION_DAYS={rollup} with RELAY_LEDGER_RETENTION_DAYS={ledger}"
    with pytest.raises(SettingsError, match=f"{names}.*{said}"):
        worker_settings(wrong)


@pytest.mark.parametrize(("ledger", "rollup"), [(0, 0), (30, 0), (30, 61), (10_000, 0)])
def test_sums_that_outlive_their_rows_are_good(ledger, rollup):
    given = ALL | retention(("LEDGER", "ROLLUP"), (ledger, rollup))
    assert worker_settings(given).retention.rollup_days == rollup


def test_who_takes_no_events_needs_no_secret_for_them():
    stores = {name: value for name, value in STORES.items() if name.endswith("_URL")}
    assert worker_settings(stores, takes_events=False).internal_secret == ""
    with pytest.raises(SettingsError, match="RELAY_INTERNAL_SECRET"):
        worker_settings(stores)


def test_a_wrong_base_url_is_named():
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL"):
        relay_settings(STORES | {"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "localhost:1"})


@pytest.mark.parametrize("name", ["RELAY_REDIS_URL", "RELAY_DATABASE_URL"])
def test_an_address_with_a_password_is_never_repeated(name):
    with pytest.raises(SettingsError) as caught:
        relay_settings(ALL | {name: "other://:hunter2@x"})
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_in_the_representation():
    environment = ALL | {"OPENAI_API_KEY": "sk-secret"}
    for read in (relay_settings, key_admin_settings, worker_settings):
        text = repr(read(environment))
        assert "hunter2" not in text
        assert "sk-secret" not in text
        assert "s" * 32 not in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:9", "http://localhost:9/v1"),
        ("http://localhost:9/", "http://localhost:9/v1"),
        ("http://localhost:9/v1", "http://localhost:9/v1"),
        ("http://localhost:9/openai/v2/", "http://localhost:9/openai/v2"),
    ],
)
def test_openai_base_urls_with_and_without_a_version(given, expected):
    settings = relay_settings(STORES | {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": given})
    assert settings.accounts[0].base_url == expected


@pytest.mark.parametrize("given", ["http://localhost:9", "http://localhost:9/v1"])
def test_anthropic_base_urls_lose_the_version(given):
    settings = relay_settings(STORES | {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": given})
    assert settings.accounts[0].base_url == "http://localhost:9"


def test_an_installation_has_keys_of_its_own():
    assert relay_settings(STORES | {"RELAY_INSTALLATION": "prod"}).state_prefix == "{relay:prod}"


PASSWORD = "p@ss/w:rd?#%[ü"


@pytest.mark.parametrize(
    ("url", "user", "host"),
    [
        ("redis://redis:6379/0", None, "redis"),
        ("redis://relay@redis/1", "relay", "redis"),
        ("rediss://redis:6380?db=2", None, "redis"),
        ("unix:///run/redis.sock?db=1", None, ""),
    ],
)
def test_the_password_of_redis_comes_apart_from_its_url(url, user, host):
    given = STORES | {"RELAY_REDIS_URL": url, "RELAY_REDIS_PASSWORD": PASSWORD}
    for read in (relay_settings, worker_settings):
        address = RedisAddress(read(given).redis_url)
        assert (address.username, address.password, address.host) == (user, PASSWORD, host)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://relay@postgres:5432/relay",
        "postgres://relay@postgres/relay?sslmode=verify-full",
        "postgresql://relay@a:1,b:2/relay?target_session_attrs=read-write",
    ],
)
def test_the_password_of_postgres_comes_apart_from_its_url(url):
    given = STORES | {"RELAY_DATABASE_URL": url, "RELAY_DATABASE_PASSWORD": PASSWORD}
    parts = conninfo_to_dict(key_admin_settings(ALL | given).database_url)
    assert parts.pop("password") == PASSWORD
    assert parts == conninfo_to_dict(url)


@pytest.mark.parametrize("store", ["RELAY_REDIS", "RELAY_DATABASE"])
def test_two_passwords_are_one_too_many(store):
    with pytest.raises(SettingsError) as raised:
        relay_settings(STORES | {f"{store}_PASSWORD": "another one"})
    assert f"{store}_URL" in str(raised.value)
    assert f"{store}_PASSWORD" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "another one" not in str(raised.value)
    url = {"RELAY_DATABASE_URL": "postgresql://postgres/relay?password=x"}
    with pytest.raises(SettingsError):
        relay_settings(STORES | url | {"RELAY_DATABASE_PASSWORD": "y"})


def test_log_files():
    assert serve_settings({}).log_file is None
    assert serve_settings({"RELAY_LOG_MAX_SIZE": "1g"}).log_file is None
    directory = {"RELAY_LOG_DIRECTORY": "/app/logs"}
    assert serve_settings(directory).log_file == LogFile("/app/logs", 10 * 1024 * 1024, 5)
    tuned = {"RELAY_LOG_MAX_SIZE": "128K", "RELAY_LOG_MAX_FILES": "2"}
    assert serve_settings(directory | tuned).log_file == LogFile("/app/logs", 131_072, 2)
