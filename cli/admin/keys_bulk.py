"""`relayctl keys create-many, change-many, revoke-many`: many keys, shown before they change."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from cli.admin.errors import Refused
from cli.admin.keys import MADE, PATH, keys
from cli.admin.limits import limit_members, limit_options
from cli.admin.naming import with_ids
from cli.admin.options import Session, idempotent, members, read_text, say, set_or_taken
from cli.admin.output import Column, Item, Shape, print_items
from common.domain.key_table import COLUMNS, KEYS_MAX, fault_of, read_key_table

BULK = f"{PATH}/bulk"
WHERE = ("team", "user", "tag", "status", "search")
_SENT = {"team": "team_id", "user": "user_id"}
CHANGES = Shape(
    "keys",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("OUTCOME", "outcome"),
        Column("BEFORE", "before"),
        Column("AFTER", "after"),
    ),
    ("id", "name", "key_prefix", "team_id", "outcome", "before", "after"),
)
_MADE_COLUMNS = (Column("NAME", "name"), Column("USER", "user_id"), Column("KEY", "key"))

_ids = click.argument("key_ids", metavar="[ID|NAME]...", nargs=-1)
_where = click.option(
    "--where",
    metavar="NAME=VALUE",
    multiple=True,
    help=f"All keys that are so, in place of ids; repeatable; NAME: {', '.join(WHERE)}.",
)
_all = click.option("--all", "all_", is_flag=True, help="All keys that there are.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would change, and stop.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@keys.command("create-many")
@click.argument("file", metavar="FILE")
@idempotent
@click.pass_obj
def create_many(session: Session, file: str, idempotency_key: str) -> None:
    """Make the keys of a CSV file, all of them or none. They are shown this once."""
    table = read_key_table(read_text(file, "FILE"))
    if table.faults:
        raise click.UsageError(f"{file} is not right:\n" + "\n".join(map(_said, table.faults)))
    try:
        made = session.create(BULK, {"keys": table.keys}, idempotency_key)
    except Refused as error:
        if not error.fields:
            raise
        faults = [fault_of(table, field, message) for field, message in error.fields]
        raise Refused(
            "no key was made:\n" + "\n".join(map(_said, faults)), request_id=error.request_id
        ) from None
    print_items(session.output, MADE._replace(columns=_MADE_COLUMNS), made["items"])
    say("The keys are shown this once: keep them now.")


create_many.help = f"{create_many.help}\n\nColumns: {', '.join(COLUMNS)}."


@keys.command("change-many")
@_ids
@_where
@_all
@click.option("--add-tag", "add_tags", metavar="TAG", multiple=True, help="Repeatable.")
@click.option("--remove-tag", "remove_tags", metavar="TAG", multiple=True, help="Repeatable.")
@click.option("--team-id", metavar="ID|NAME")
@click.option("--no-team", is_flag=True, help="Take them out of their teams.")
@click.option("--expires-at", metavar="TIME", help="With its offset.")
@click.option("--no-expiry", is_flag=True, help="They have no fixed end.")
@click.option("--status", type=click.Choice(["active", "disabled"]))
@limit_options(clearing=True)
@_dry_run
@_yes
@click.pass_obj
def change_many(session: Session, /, **given: Any) -> None:
    """Change many keys alike, after showing what changes. Limits that are not given stay."""
    change = members(status=given["status"]) | limit_members(given)
    change |= set_or_taken(given, "team_id", "no_team")
    change |= set_or_taken(given, "expires_at", "no_expiry")
    if given["no_limits"]:
        change["limits"] = None
    body: dict[str, Any] = {"set": change} if change else {}
    body |= {name: list(given[name]) for name in ("add_tags", "remove_tags") if given[name]}
    if not body:
        raise click.UsageError("nothing to change: give at least one option")
    _carry_out(session, given, body, "change")


@keys.command("revoke-many")
@_ids
@_where
@_all
@_dry_run
@_yes
@click.pass_obj
def revoke_many(session: Session, /, **given: Any) -> None:
    """Revoke many keys, after showing which."""
    _carry_out(session, given, {"revoke": True}, "revoke")


def _carry_out(session: Session, given: dict[str, Any], body: Item, verb: str) -> None:
    """Show what changes; ask; do it, 500 keys a call, each of which is all or none."""
    parts = list(_parts(_chosen(session, given)))
    send = session.client.send
    shown = [send("PATCH", BULK, body=body | {"ids": part, "dry_run": True}) for part in parts]
    items = [item for reply in shown for item in reply.body["items"]]
    counts = {
        name: sum(reply.body[name] for reply in shown)
        for name in ("changed", "unchanged", "skipped")
    }
    said = f"{counts['changed']} to {verb}, {counts['unchanged']} so already"
    said += f", {counts['skipped']} revoked and left alone" if counts["skipped"] else ""
    if given["dry_run"] or not counts["changed"]:
        print_items(session.output, CHANGES, items)
        say(said)
        return
    if not given["yes"]:
        if session.output == "table":
            print_items("table", CHANGES, items)
        click.confirm(f"{said}. Go on?", abort=True, err=True)
    done: list[Item] = []
    for part, reply in zip(parts, shown, strict=True):
        headers = {"if-match": reply.etag}
        done += send("PATCH", BULK, body=body | {"ids": part}, headers=headers).body["items"]
    if session.output != "table" or given["yes"]:
        print_items(session.output, CHANGES, done)
    say(f"{sum(one['outcome'] == 'changed' for one in done)} done")


def _chosen(session: Session, given: dict[str, Any]) -> list[str]:
    """The ids that are meant. Raises `click.UsageError`."""
    ways = [bool(given[name]) for name in ("key_ids", "where", "all_")]
    if sum(ways) != 1:
        raise click.UsageError("say which keys: give ids or names, --where, or --all")
    if given["key_ids"]:
        return list(dict.fromkeys(given["key_ids"]))
    query: dict[str, str | int | None] = {}
    for text in given["where"]:
        name, equals, value = text.partition("=")
        if not equals or not value or name not in WHERE:
            raise click.UsageError(f"--where: {text!r} is not NAME=VALUE with {', '.join(WHERE)}")
        value = with_ids(session.client, "team", value) if name == "team" else value
        query[_SENT.get(name, name)] = value
    found = [one["id"] for one in session.client.items(PATH, query, None)]
    if not found:
        raise Refused("no key is so: nothing was changed")
    return found


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), KEYS_MAX):
        yield list(ids[start : start + KEYS_MAX])


def _said(fault: Any) -> str:
    where = f"line {fault.line}" if fault.line else "the table"
    return f"  {where}{f', {fault.column}' if fault.column else ''}: {fault.message}"
