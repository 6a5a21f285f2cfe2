"""`relayctl keys`: the keys of callers."""

from typing import Any

import click

from cli.admin.access import KEY_FIELDS, access_members, access_options
from cli.admin.changing import PARTIAL, send_change
from cli.admin.client import one
from cli.admin.content import NAMES as CONTENT_FIELDS
from cli.admin.content import content_members, content_options
from cli.admin.limits import FIELDS, limit_members, limit_options
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    idempotent,
    members,
    paged,
    replaced,
    say,
    set_or_taken,
)
from cli.admin.output import Column, Shape
from cli.admin.routing import KEY_FIELDS as ROUTING_FIELDS
from cli.admin.routing import routing_members, routing_options

PATH = "/internal/api-keys"
SHAPE = Shape(
    "keys",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("USER", "user_id"),
        Column("TEAM", "team_id"),
        Column("PREFIX", "key_prefix"),
        Column("STATUS", "status"),
        Column("TAGS", "tags"),
        Column("EXPIRES", "expires_at"),
        Column("LAST USED", "last_used_at"),
    ),
    (
        *("id", "name", "user_id", "team_id", "key_prefix", "status", "scopes", "models.allow"),
        *("models.deny", "tags", "expires_at", "created_at", "updated_at", "revoked_at"),
        *("last_used_at", "old_secret_ends_at"),
        *("activation.days", "activation.activated_at", "activation.expires_at"),
        *(*KEY_FIELDS, *ROUTING_FIELDS, *FIELDS, *CONTENT_FIELDS),
    ),
)
MADE = SHAPE._replace(fields=("key", *SHAPE.fields))

_scope = click.option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, help="What it may be used for; repeatable."
)
_allow = click.option(
    "--allow", metavar="GLOB", multiple=True, help="Models it may use; repeatable."
)
_deny = click.option(
    "--deny", metavar="GLOB", multiple=True, help="Models it may not use; repeatable, wins."
)
_tag = click.option("--tag", "tags", metavar="TAG", multiple=True, help="Repeatable.")
_expires = click.option(
    "--expires-at", metavar="TIME", help="With its offset, such as 2026-12-31T12:00:00Z."
)
_activation = click.option(
    "--activation-days",
    metavar="DAYS",
    type=click.IntRange(min=1),
    help="It ends so many days after its first request.",
)


@click.group(cls=AdminGroup)
def keys() -> None:
    """Make, list, change, revoke and rotate callers' keys."""


@keys.command()
@click.option("--name", required=True)
@click.option("--user-id", metavar="ID", help="Whose key it is; made if new (one of its own).")
@click.option("--team-id", metavar="ID|NAME")
@_scope
@_allow
@_deny
@_expires
@_activation
@_tag
@routing_options("key", clearing=False)
@access_options(key=True, clearing=False)
@limit_options(clearing=False)
@content_options(clearing=False)
@idempotent
@click.pass_obj
def create(session: Session, /, idempotency_key: str, **given: Any) -> None:
    """Make a key. It is shown this once."""
    names = ("name", "user_id", "team_id", "expires_at")
    body = members(**{name: given[name] for name in names})
    body |= {"scopes": given["scopes"], "tags": given["tags"]}
    body |= {"models": {"allow": given["allow"], "deny": given["deny"]}}
    body |= limit_members(given) | access_members(given, key=True) | routing_members(given)
    body |= content_members(given)
    if given["activation_days"] is not None:
        body["activation"] = {"days": given["activation_days"]}
    _show_made(session, PATH, body, idempotency_key)


@keys.command("list")
@click.option("--user-id", metavar="ID")
@click.option("--team-id", metavar="ID|NAME")
@click.option("--status", type=click.Choice(["active", "disabled", "revoked", "expired"]))
@click.option("--tag", metavar="TAG", help="Those that have it.")
@click.option("--search", metavar="TEXT", help="A part of the name or user, or a key's beginning.")
@click.option("--sort", type=click.Choice(["newest", "oldest", "name"]), default="newest")
@paged
@click.pass_obj
def list_keys(session: Session, /, limit: int | None, all_: bool, **query: Any) -> None:
    """List keys, the newest first unless they are sorted otherwise."""
    session.show_list(SHAPE, PATH, query, how_many(limit, all_))


@keys.command()
@click.argument("key_id", metavar="ID|NAME")
@click.pass_obj
def show(session: Session, key_id: str) -> None:
    """Show a key without its secret."""
    session.show(SHAPE, session.client.get(one(PATH, key_id)))


@keys.command()
@click.argument("key_id", metavar="ID|NAME")
@click.option("--name")
@click.option("--team-id", metavar="ID|NAME")
@click.option("--no-team", is_flag=True, help="Take it out of its team.")
@_scope
@click.option("--all-scopes", is_flag=True, help="It may be used for everything.")
@_allow
@click.option("--allow-all", is_flag=True, help="It may use all models but those denied.")
@_deny
@click.option("--deny-none", is_flag=True)
@_expires
@click.option("--no-expiry", is_flag=True, help="It has no fixed end.")
@_activation
@click.option("--no-activation", is_flag=True, help="Its end does not depend on its first request.")
@_tag
@click.option("--no-tags", is_flag=True)
@click.option("--status", type=click.Choice(["active", "disabled"]))
@routing_options("key", clearing=True)
@access_options(key=True, clearing=True)
@limit_options(clearing=True)
@content_options(clearing=True)
@click.pass_obj
def update(session: Session, /, key_id: str, **given: Any) -> None:
    """Change a key; what is not given stays. A list that is given takes the old one's place."""
    changes = members(name=given["name"], status=given["status"])
    changes |= set_or_taken(given, "team_id", "no_team")
    changes |= set_or_taken(given, "expires_at", "no_expiry")
    changes |= members(
        scopes=replaced(given["scopes"], given["all_scopes"], "--scope", "--all-scopes"),
        tags=replaced(given["tags"], given["no_tags"], "--tag", "--no-tags"),
    )
    changes |= limit_members(given) | access_members(given, key=True) | routing_members(given)
    changes |= _activation_change(given) | content_members(given)
    rules = members(
        allow=replaced(given["allow"], given["allow_all"], "--allow", "--allow-all"),
        deny=replaced(given["deny"], given["deny_none"], "--deny", "--deny-none"),
    )
    if rules:
        changes["models"] = rules
    send_change(session, SHAPE, one(PATH, key_id), changes, (*PARTIAL, "models"))


@keys.command()
@click.argument("key_id", metavar="ID|NAME")
@click.pass_obj
def revoke(session: Session, key_id: str) -> None:
    """Revoke a key; no request with it is served any more."""
    session.show(SHAPE, session.client.send("POST", one(PATH, key_id, "/revoke")).body)


@keys.command()
@click.argument("key_id", metavar="ID|NAME")
@click.pass_obj
def restore(session: Session, key_id: str) -> None:
    """Make a revoked or disabled key active again."""
    session.show(SHAPE, session.client.send("POST", one(PATH, key_id, "/restore")).body)


@keys.command()
@click.argument("key_id", metavar="ID|NAME")
@click.option("--grace-s", metavar="SECONDS", type=int, help="How long the old one works (3600).")
@idempotent
@click.pass_obj
def rotate(session: Session, key_id: str, grace_s: int | None, idempotency_key: str) -> None:
    """Give a key a new secret, which is shown this once."""
    _show_made(session, one(PATH, key_id, "/rotate"), members(grace_s=grace_s), idempotency_key)


def _activation_change(given: dict[str, Any]) -> dict[str, Any]:
    days = set_or_taken(given, "activation_days", "no_activation")
    if not days:
        return {}
    return {"activation": days["activation_days"] and {"days": days["activation_days"]}}


def _show_made(session: Session, path: str, body: dict[str, Any], idempotency_key: str) -> None:
    session.show(MADE, session.create(path, body, idempotency_key))
    say("The key is shown this once: keep it now.")
