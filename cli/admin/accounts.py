"""`relayctl accounts`: the providers' accounts. Their API keys come from files, never arguments."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.admin import account_facts
from cli.admin.account_options import credential_member, provider_members, provider_options
from cli.admin.account_test import find_account, show_lines
from cli.admin.changing import PARTIAL, send_change
from cli.admin.client import one
from cli.admin.errors import EXIT_REFUSED
from cli.admin.limits import ACCOUNT_FIELDS, limit_members, limit_options
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    idempotent,
    members,
    paged,
)
from cli.admin.output import Column, Shape
from common.domain.account_presets import PRESETS, preset_named
from common.domain.accounts import PROVIDER_NAMES
from common.settings import variable

PATH = "/internal/accounts"
KEY_VARIABLE = "RELAY_ACCOUNT_API_KEY"
PROVIDERS = PROVIDER_NAMES
SHAPE = Shape(
    "accounts",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("PROVIDER", "provider"),
        Column("BASE URL", "base_url"),
        Column("PRIORITY", "priority", "number"),
        Column("WEIGHT", "weight", "number"),
        Column("CONCURRENCY", "max_concurrency", "number"),
        Column("ENABLED", "enabled"),
        Column("HEALTH", "health.status"),
        Column("BUILT IN", "built_in"),
    ),
    (
        *("id", "name", "provider", "base_url", "credential_key_id", "models", "priority"),
        *(
            "weight",
            "max_concurrency",
            "enabled",
            "schedulable",
            "expires_at",
            "discount",
            "region",
            "tags",
            "options",
            "extra_headers",
            "egress_proxy",
            "built_in",
            "created_at",
            "updated_at",
        ),
        *ACCOUNT_FIELDS,
        "use",
        "health",
    ),
)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _settings(command: _Command) -> _Command:
    """What both create and update set."""
    for option in (
        click.option("--enabled/--disabled", "enabled", default=None, help="Whether it serves."),
        click.option("--discount", metavar="PART", help="Off all prices: 0.15 is 15 % (0)."),
        click.option("--max-concurrency", type=int, help="Requests at a time; 0 is no bound (0)."),
        click.option("--weight", type=int, help="Its share among those of its priority (1)."),
        click.option("--priority", type=int, help="The smaller is asked first (50)."),
        click.option(
            "--model",
            "models",
            metavar="MODEL[=SERVED]",
            multiple=True,
            help="A model, or glob, that it serves, and what the provider calls it (the same); "
            "repeatable.",
        ),
        click.option(
            "--api-key-file",
            metavar="FILE",
            help="Where the provider's API key is; `-` is standard input.",
        ),
        click.option(
            "--base-url",
            metavar="URL",
            help="Its address, if not the provider's own; azure_openai and openai_compatible: "
            "required.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=AdminGroup)
def accounts() -> None:
    """Add, list, change and delete the accounts that serve requests."""


@accounts.command()
@click.option("--name", required=True)
@click.option("--provider", type=click.Choice(PROVIDERS), help="Or --preset.")
@click.option(
    "--preset",
    type=click.Choice([preset.name for preset in PRESETS]),
    help="Provider, address and quirks of a known one, unless given otherwise.",
)
@_settings
@provider_options
@limit_options(clearing=False, queue=False)
@idempotent
@click.pass_obj
def create(
    session: Session,
    /,
    provider: str | None,
    preset: str | None,
    idempotency_key: str,
    **given: Any,
) -> None:
    """Add an account. Its API key is read from --api-key-file, or else RELAY_ACCOUNT_API_KEY.

    Credentials of other kinds are read from --credential-file.
    """
    provider, given = _with_preset(provider, preset, given)
    credential = credential_member(given)
    if not credential and (api_key := variable(KEY_VARIABLE)):
        credential = {"api_key": api_key}
    if not credential and "no_auth" not in given["quirks"]:
        raise click.UsageError(
            f"no credential: give --api-key-file FILE, or set {KEY_VARIABLE}; for Vertex AI, and "
            "for Bedrock by access keys, give --credential-file FILE"
        )
    body = _body(given) | {"provider": provider, "credential": credential}
    session.show(SHAPE, session.create(PATH, body, idempotency_key))


@accounts.command("list")
@click.option("--provider", type=click.Choice(PROVIDERS))
@paged
@click.pass_obj
def list_accounts(session: Session, provider: str | None, limit: int | None, all_: bool) -> None:
    """List accounts: those built in, then the others, the newest first."""
    session.show_list(SHAPE, PATH, {"provider": provider}, how_many(limit, all_))


@accounts.command()
@click.argument("account_id", metavar="ID")
@click.pass_obj
def show(session: Session, account_id: str) -> None:
    """Show an account without its API key."""
    session.show(SHAPE, session.client.get(one(PATH, account_id)))


@accounts.command()
@click.argument("account_id", metavar="ID")
@click.option("--name")
@_settings
@provider_options
@limit_options(clearing=True, queue=False)
@click.option("--api-key-from-env", is_flag=True, help=f"The new API key is in {KEY_VARIABLE}.")
@click.option("--all-models", is_flag=True, help="It serves any model.")
@click.option("--no-egress-proxy", is_flag=True, help="It is asked directly.")
@click.option("--never-expires", is_flag=True, help="It has no end.")
@click.pass_obj
def update(
    session: Session, /, account_id: str, api_key_from_env: bool, all_models: bool, **given: Any
) -> None:
    """Change an account; what is not given stays. Models that are given take the old ones' place.

    RELAY_ACCOUNT_API_KEY is read only when --api-key-from-env says so.
    """
    if all_models and given["models"]:
        raise click.UsageError("give --model or --all-models, not both")
    body = _body(given) | ({"models": {}} if all_models else {})
    body |= _taken_away(given, "no_egress_proxy", "egress_proxy")
    body |= _taken_away(given, "never_expires", "expires_at")
    credential = credential_member(given)
    if api_key_from_env:
        if credential:
            raise click.UsageError("give --api-key-file or --api-key-from-env, not both")
        if not (api_key := variable(KEY_VARIABLE)):
            raise click.UsageError(f"--api-key-from-env: {KEY_VARIABLE} is not set")
        credential = {"api_key": api_key}
    if credential:
        body["credential"] = credential
    send_change(session, SHAPE, one(PATH, account_id), body, (*PARTIAL, "options"))


@accounts.command()
@click.argument("account_id", metavar="ID")
@click.pass_obj
def delete(session: Session, account_id: str) -> None:
    """Delete an account and its API key. One that groups, keys or teams name is refused."""
    session.client.send("DELETE", one(PATH, account_id))
    session.show_deleted("account", account_id)


@accounts.command()
@click.argument("account", metavar="NAME")
@click.option("--model", metavar="MODEL", help="What to ask for (the first that it names).")
@click.option("--prompt", metavar="TEXT", help="What to ask.")
@click.pass_obj
def test(session: Session, account: str, model: str | None, prompt: str | None) -> None:
    """Ask an account's provider a small question, and show what comes. NAME may be its id.

    The provider bills its account for a few tokens; nothing is in Relay's ledger.
    """
    path = one(PATH, find_account(session.client, PATH, account), "/test")
    show_lines(session, session.client.lines(path, members(model=model, prompt=prompt)))


@accounts.command()
@click.argument("account", metavar="NAME")
@click.pass_obj
def reset(session: Session, account: str) -> None:
    """Let an account serve again at once, whatever its provider said before. NAME may be its id."""
    path = one(PATH, find_account(session.client, PATH, account), "/reset")
    session.show(SHAPE, session.client.send("POST", path).body)


@accounts.command()
@click.pass_obj
def rewrap(session: Session) -> None:
    """Seal credentials by the current encryption key that older ones sealed.

    Then the older keys may be taken away. relay, cleanup and key_admin need the new key before.
    """
    answer = session.client.send("POST", f"{PATH}/rewrap").body
    failed = "".join(f"; {one['name']} ({one['id']}): {one['error']}" for one in answer["failed"])
    done = len(answer["rewrapped"])
    session.show_said(f"{done} sealed anew by the key {answer['key_id']}{failed}", answer)
    if failed:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _with_preset(
    provider: str | None, name: str | None, given: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The provider and what else was given, with a preset's where nothing was."""
    preset = preset_named(name or "")
    if preset is None:
        if provider is None:
            raise click.UsageError("give --provider, or --preset")
        return provider, given
    if provider not in (None, preset.provider):
        raise click.UsageError(f"--preset {preset.name} is of the provider {preset.provider}")
    base_url = given["base_url"] or preset.base_url or None
    quirks = given["quirks"] or preset.quirks
    return preset.provider, given | {"base_url": base_url, "quirks": quirks}


def _taken_away(given: dict[str, Any], option: str, member: str) -> dict[str, Any]:
    return {member: None} if given[option] else {}


def _body(given: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "base_url", "priority", "weight", "max_concurrency", "enabled", "discount")
    body = members(**{name: given[name] for name in names})
    if given["models"]:
        body["models"] = dict(_mapped(model) for model in given["models"])
    return body | provider_members(given) | limit_members(given)


def _mapped(model: str) -> tuple[str, str]:
    requested, _, served = model.partition("=")
    return requested, served or requested


for _command in (account_facts.presets, account_facts.errors, account_facts.users):
    accounts.add_command(_command)
