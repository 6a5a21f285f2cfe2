"""`relayctl doctor`: what an operator asks first, answered, each with what to do."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from cli.admin.address import STORES, running, without_stores
from cli.admin.output import OUTPUTS, Shape, print_items

if TYPE_CHECKING:
    from cli.doctor.finding import Finding
    from common.settings import WorkerSettings

EXIT_WRONG = 1
EXIT_WRONG_SETTINGS = 2
_CHECKS = Shape("checks", (), ("check", "status", "detail", "fix"))
_MARKS = {"ok": "ok", "warning": "WARNING", "wrong": "WRONG"}


@click.command()
@click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
def doctor(output: str, strict: bool) -> None:
    """Look at Postgres, Redis, secrets and clocks, from inside a pod or on your machine.

    \b
    RELAY_DATABASE_URL, RELAY_REDIS_URL   the stores; unset: those of a running `relayctl dev`
    RELAY_INSTALLATION                    whose keys in Redis, if it has a name

    Nothing is changed. Ends with 0 when nothing is wrong, 1 when something is (each with what to
    do), 2 when the settings cannot be read.
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from common.settings import SettingsError, inherited, worker_settings

    environment = inherited()
    for name, store in STORES.items():
        if not environment.get(name) and (url := running(store).get("url")):
            environment |= {name: str(url), f"{name.removesuffix('_URL')}_PASSWORD": ""}
    try:
        settings = worker_settings(environment, takes_events=False)
        findings = [_secrets(environment), *asyncio.run(_examine(settings))]
    except SettingsError as error:
        click.echo(f"relayctl: {error}{without_stores(environment)}", err=True)
        sys.exit(EXIT_WRONG_SETTINGS)
    bad = {"wrong", "warning"} if strict else {"wrong"}
    healthy = not any(finding.status in bad for finding in findings)
    checks = [finding.fields() for finding in findings]
    if output == "json":
        click.echo(json.dumps({"healthy": healthy, "checks": checks}, indent=2))
    elif output == "csv":
        print_items(output, _CHECKS, checks)
    else:
        _print_table(findings)
    sys.exit(0 if healthy else EXIT_WRONG)


async def _examine(settings: "WorkerSettings") -> "list[Finding]":
    from cli.doctor.accounts import judge_accounts
    from cli.doctor.clocks import judge_clocks
    from cli.doctor.postgres import examine_postgres
    from cli.doctor.redis import examine_redis
    from common.identifiers import now_ms

    postgres, redis = await asyncio.gather(
        examine_postgres(settings.database_url),
        examine_redis(settings.redis_url, settings.state_prefix),
    )
    findings = [*postgres.findings, *redis.findings]
    if redis.ahead_ms is not None:
        findings += judge_accounts(
            redis.resting, redis.failing, postgres.accounts, now_ms() + int(redis.ahead_ms)
        )
    clocks = {"Postgres": postgres.ahead_ms, "Redis": redis.ahead_ms}
    known = {name: ahead_ms for name, ahead_ms in clocks.items() if ahead_ms is not None}
    return [*findings, judge_clocks(known)] if known else findings


def _secrets(environment: dict[str, str]) -> "Finding":
    """The master key and the keyring, as far as this process is given any."""
    from cli.admin.options import kept_master_key
    from cli.doctor.finding import fine, warning, wrong
    from common.encryption_keys import parse_keys
    from common.settings import MASTER_KEY_CHARACTERS_MIN

    try:
        keys = parse_keys(environment.get("RELAY_ENCRYPTION_KEYS", ""))
    except ValueError as error:
        return wrong("secrets", "RELAY_ENCRYPTION_KEYS cannot be read", f"it is {error}")
    if key := environment.get("PROXY_MASTER_KEY", ""):
        where = "in PROXY_MASTER_KEY"
    elif (file := kept_master_key()).is_file():
        key, where = file.read_text().strip(), f"in {file}"
    else:
        return warning(
            "secrets",
            "no master key here",
            "none is needed by functions other than key_admin; there, set PROXY_MASTER_KEY from "
            "the Secret <release>-master-key, which `relayctl ensure-secrets` makes",
        )
    if len(key) < MASTER_KEY_CHARACTERS_MIN:
        fix = f"give it at least {MASTER_KEY_CHARACTERS_MIN} characters: `openssl rand -hex 16`"
        return wrong("secrets", f"the master key {where} is too short", fix)
    return fine("secrets", f"the master key is {where}, {len(keys)} encryption keys")


def _print_table(findings: "list[Finding]") -> None:
    from cli.admin.text import printable

    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        mark = _MARKS[finding.status]
        click.echo(f"{mark:<7}  {finding.check:<{width}}  {printable(finding.detail)}")
        if finding.fix:
            click.echo(f"{'':<7}  {'':<{width}}  -> {printable(finding.fix)}")
