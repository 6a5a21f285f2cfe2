"""The environment that the chart gives to a function, read by the function's own settings."""

from collections.abc import Callable
from typing import Any

from cli.settings_reference import ENOUGH
from common.settings import (
    exporter_settings,
    key_admin_settings,
    notifications_settings,
    pii_settings,
    relay_settings,
    serve_settings,
    worker_settings,
)
from common.state.address import RedisAddress
from tests.support.chart import Object, environment

# What a Secret holds, where it must have a form.
SECRETS = ENOUGH | {
    "RELAY_DATABASE_URL": "postgresql://app:from-secret@db:5432/app",
    "RELAY_ENCRYPTION_KEYS": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "OPENAI_BASE_URL": "https://openai.example/v1",
    "ANTHROPIC_BASE_URL": "https://anthropic.example",
}
READERS: dict[str, Callable[[dict[str, str]], Any]] = {
    "relay": relay_settings,
    "key-admin": key_admin_settings,
    "usage-aggregation": worker_settings,
    "cleanup": worker_settings,
    "notifications": notifications_settings,
    "exporter": exporter_settings,
    "pii": pii_settings,
}
OPTIONAL = {"exporter", "pii"}


def check_settings(objects: list[Object]) -> None:
    """Every function starts with what it is given. Raises `SettingsError` naming what is wrong."""
    found = set()
    for written in objects:
        component = written["metadata"]["labels"].get("app.kubernetes.io/component", "")
        is_function = written["apiVersion"].startswith("serving") or (
            written["kind"] == "Deployment" and component != "edge"
        )
        if not is_function:
            continue
        found.add(component)
        variables = {
            name: value if isinstance(value, str) else SECRETS.get(name, "from-a-secret-" * 4)
            for name, value in environment(written).items()
        }
        serve_settings(variables)
        settings = READERS[component](variables)
        if component != "pii":
            RedisAddress(settings.redis_url)
        if component in ("relay", "key-admin", "notifications"):
            assert len(settings.encryption_keys) == 1
    assert set(READERS) - OPTIONAL <= found
