"""`relayctl self`: one's own keys, what they used, and what is left for them."""

from typing import Any

import click

from cli.admin import receipts
from cli.admin.access import KEY_FIELDS
from cli.admin.client import one
from cli.admin.limits import FIELDS, limit_members, limit_options
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    idempotent,
    members,
    paged,
    read_secret,
    say,
)
from cli.admin.output import Column, Item, Shape, print_item, print_items, token_fields
from cli.admin.usage import FIGURE_FIELDS, FIGURES

PATH = "/internal/self"
KEYS = f"{PATH}/keys"
WHO = Shape(
    "people",
    (),
    (
        *("name", "way", "team", "key_id", "allowance.may_create", "allowance.obstacle"),
        *("allowance.may_rotate", "allowance.keys_active", "allowance.keys_max"),
        *("allowance.expires_by", "allowance.models.allow", "allowance.models.deny"),
    ),
)
_SPENT = ("spent.day", "spent.week", "spent.month", "spent.total")
_KEY = (
    *("id", "name", "team", "key_prefix", "status", "scopes", "models.allow", "models.deny"),
    *("tags", "expires_at", "created_at", "revoked_at", "last_used_at"),
    *("old_secret_ends_at", "activation.days"),
    *("activation.activated_at", "activation.expires_at", *KEY_FIELDS, *FIELDS),
)
SHAPE = Shape(
    "keys",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("PREFIX", "key_prefix"),
        Column("STATUS", "status"),
        Column("THIS MONTH USD", "spent.month", "money"),
        Column("EXPIRES", "expires_at"),
        Column("LAST USED", "last_used_at"),
    ),
    (*_KEY, *_SPENT),
)
MADE = Shape("keys", tuple(one for one in SHAPE.columns if one.path in _KEY), ("key", *_KEY))
REQUESTS = Shape(
    "requests",
    (
        Column("OCCURRED", "occurred_at"),
        Column("ID", "id"),
        Column("KIND", "kind"),
        Column("REQUESTED", "model_requested"),
        Column("SERVED", "model_served"),
        Column("STATUS", "status"),
        Column("COST USD", "cost_usd", "money"),
    ),
    (
        *("id", "kind", "adjusts", "occurred_at", "key_id", "endpoint", "model_requested"),
        *("model_served", "status", "error_code", "cache_hit", *token_fields(), "cost_usd"),
        *("latency_ms", "first_token_ms"),
    ),
)
LIMITS = Shape(
    "limits",
    (
        Column("LEVEL", "level"),
        Column("NAME", "name"),
        Column("LIMIT", "limit"),
        Column("MOST", "most"),
        Column("USED", "used"),
        Column("RESERVED", "reserved"),
        Column("LEFT", "remaining"),
        Column("RESETS", "resets_at"),
    ),
    ("level", "name", "limit", "most", "used", "reserved", "remaining", "policy", "resets_at"),
)
CHECKED = Shape("keys", (), ("name", "key_prefix", "expires_at", "last_used_at", *_SPENT))
RECEIPT = receipts.SHAPE._replace(
    fields=tuple(
        name for name in receipts.SHAPE.fields if name not in ("user_id", "team_id", "account_id")
    )
)
_key_id = click.option("--key-id", metavar="ID", help="Of one key.")


@click.group("self", cls=AdminGroup)
def self_service() -> None:
    """Your own keys, as in the portal, by the session of `relayctl login`."""


@self_service.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show who you are, and what your team lets you do."""
    session.show(WHO, session.client.get(PATH))


@self_service.command()
@click.option("--status", type=click.Choice(["active", "disabled", "revoked", "expired"]))
@paged
@click.pass_obj
def keys(session: Session, status: str | None, limit: int | None, all_: bool) -> None:
    """List your keys, the newest first."""
    session.show_list(SHAPE, KEYS, {"status": status}, how_many(limit, all_))


@self_service.command()
@click.argument("key_id", metavar="ID")
@click.pass_obj
def key(session: Session, key_id: str) -> None:
    """Show a key of your own, with what it has spent."""
    session.show(SHAPE, session.client.get(one(KEYS, key_id)))


@self_service.command()
@click.option("--name", required=True)
@click.option("--allow", metavar="GLOB", multiple=True, help="Models it may use; repeatable.")
@click.option("--deny", metavar="GLOB", multiple=True, help="Models it may not; repeatable, wins.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Repeatable.")
@click.option("--expires-at", metavar="TIME", help="As late as your team allows if left out.")
@limit_options(clearing=False)
@idempotent
@click.pass_obj
def create(session: Session, /, idempotency_key: str, **given: Any) -> None:
    """Make a key of your own. It is shown this once."""
    body = members(name=given["name"], expires_at=given["expires_at"]) | limit_members(given)
    body |= {"tags": given["tags"], "models": {"allow": given["allow"], "deny": given["deny"]}}
    _show_made(session, KEYS, body, idempotency_key)


@self_service.command()
@click.argument("key_id", metavar="ID")
@click.option("--grace-s", metavar="SECONDS", type=int, help="How long the old one works (3600).")
@idempotent
@click.pass_obj
def rotate(session: Session, key_id: str, grace_s: int | None, idempotency_key: str) -> None:
    """Give a key of your own a new secret, which is shown this once."""
    _show_made(session, one(KEYS, key_id, "/rotate"), members(grace_s=grace_s), idempotency_key)


@self_service.command()
@click.argument("key_id", metavar="ID")
@click.pass_obj
def revoke(session: Session, key_id: str) -> None:
    """Revoke a key of your own; only an administrator restores it."""
    session.show(SHAPE, session.client.send("POST", one(KEYS, key_id, "/revoke")).body)


@self_service.command()
@_key_id
@click.pass_obj
def limits(session: Session, key_id: str | None) -> None:
    """Show what is used, reserved and left of what limits you, or one of your keys."""
    answer = session.client.get(f"{PATH}/limits", {"key_id": key_id})
    print_items(session.output, LIMITS, _by_limit(answer["items"]))


@self_service.command()
@_key_id
@click.option("--since", metavar="TIME", help="A date, or a time with its offset.")
@click.option("--until", metavar="TIME", help="The end, which is not in it itself.")
@click.option("--tz", metavar="ZONE", help="Whose days are meant: Europe/Berlin (UTC).")
@click.pass_obj
def usage(session: Session, /, **given: Any) -> None:
    """Sum what you used, by model."""
    answer = session.client.get(f"{PATH}/usage", {**given, "group_by": "model"})
    columns = (Column("MODEL", "group.model"), *FIGURES)
    shape = Shape("usage", columns, ("group.model", *FIGURE_FIELDS))
    print_items(session.output, shape, answer["items"])


@self_service.command()
@_key_id
@click.option("--model")
@paged
@click.pass_obj
def requests(
    session: Session, key_id: str | None, model: str | None, limit: int | None, all_: bool
) -> None:
    """List your requests, the newest first."""
    query = {"key_id": key_id, "model": model}
    session.show_list(REQUESTS, f"{PATH}/requests", {**query}, how_many(limit, all_))


@self_service.command()
@click.argument("request_id", metavar="ID")
@click.pass_obj
def receipt(session: Session, request_id: str) -> None:
    """Show what a request of yours used and cost; ID is the x-request-id of its answer."""
    print_item(session.output, RECEIPT, session.client.get(one(f"{PATH}/requests", request_id)))


@self_service.command()
@click.option(
    "--api-key-file", metavar="FILE", required=True, help="Where the key is; `-`: standard input."
)
@click.pass_obj
def check(session: Session, api_key_file: str) -> None:
    """Show what a key used and what is left for it, by presenting it."""
    body = {"api_key": read_secret(api_key_file, "--api-key-file")}
    found = session.anonymous.send("POST", f"{PATH}/check", body=body).body
    print_item(session.output, CHECKED, found)
    if session.output == "table" and (rows := _by_limit(found["limits"])):
        click.echo()
        print_items("table", LIMITS, rows)


def _by_limit(levels: list[Item]) -> list[Item]:
    """A row a limit; Redis away: none of that level."""
    return [
        {"level": level["level"], "name": level["name"]} | one
        for level in levels
        for one in level["use"] or []
    ]


def _show_made(session: Session, path: str, body: dict[str, Any], idempotency_key: str) -> None:
    made = session.create(path, body, idempotency_key)
    session.show(MADE, made)
    say("The key is shown this once: keep it now.")
