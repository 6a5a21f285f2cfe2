"""`relayctl dev`."""

import sys

import click


@click.command()
@click.option("--pii", is_flag=True, help="Run pii as well, which finds names by a language model.")
def dev(pii: bool) -> None:
    """Run all of Relay on this machine, until Ctrl-C.

    \b
    RELAY_PORT                            where it listens (8000)
    RELAY_STATE_DIR                       what it keeps (.relay)
    PROXY_MASTER_KEY                      the master key (else made once)
    OPENAI_API_KEY, OPENAI_BASE_URL       a real provider
    ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL a real provider; with none, echo
    RELAY_DATABASE_URL, RELAY_REDIS_URL   stores of yours, instead of its own
    RELAY_PII_MODELS                      models of pii, which then runs; --pii: the English one
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from cli.dev.run import run_dev
    from common.pii_settings import DEFAULT_MODELS
    from common.settings import inherited

    environment = inherited()
    if pii and not environment.get("RELAY_PII_MODELS"):
        models = (f"{language}={package}" for language, package in DEFAULT_MODELS.items())
        environment["RELAY_PII_MODELS"] = ",".join(models)
    sys.exit(run_dev(environment))
