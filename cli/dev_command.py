"""`relayctl dev`."""

import sys

import click


@click.command()
def dev() -> None:
    """Run all of Relay on this machine, until Ctrl-C.

    \b
    RELAY_PORT                            where it listens (8000)
    RELAY_STATE_DIR                       what it keeps (.relay)
    PROXY_MASTER_KEY                      the master key (else made once)
    OPENAI_API_KEY, OPENAI_BASE_URL       a real provider
    ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL a real provider; with none, echo
    RELAY_DATABASE_URL, RELAY_REDIS_URL   stores of yours, instead of its own
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from cli.dev.run import run_dev
    from common.settings import inherited

    sys.exit(run_dev(inherited()))
