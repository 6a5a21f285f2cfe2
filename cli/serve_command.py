"""`relayctl serve`: one function in this process, as its container runs it."""

from pathlib import Path
from typing import Any

import click

FUNCTIONS = (
    *("relay", "key_admin", "usage_aggregation", "cleanup", "notifications", "exporter"),
    "pii",
)
_SOURCES = Path(__file__).parents[1] / "functions"


@click.command()
@click.argument("function", type=click.Choice(FUNCTIONS))
@click.option("--framework", is_flag=True, help="Through the functions framework, as it runs them.")
def serve(function: str, framework: bool) -> None:
    """Run one function by itself, until SIGTERM or Ctrl-C.

    Its settings come from the environment, as in a container: PORT, RELAY_DATABASE_URL,
    RELAY_REDIS_URL, RELAY_INTERNAL_SECRET, for key_admin PROXY_MASTER_KEY. What is missing or wrong
    is named.

    With --framework the application is the one that the functions framework makes of the function;
    the server is Relay's own either way, because the framework's cuts streams 30 s after SIGTERM.
    """
    from common.serve import end, load, run

    def make() -> Any:
        return framework_application(function) if framework else load(_target(function))

    end(run(function, make))


def framework_application(function: str) -> Any:
    """What the functions framework makes of a function: an ASGI application."""
    from functions_framework.aio import create_asgi_app

    source = str(_SOURCES / function / "main.py")
    return create_asgi_app(function, source, "http")  # type: ignore[no-untyped-call]


def _target(function: str) -> str:
    return f"functions.{function}.main:application"
