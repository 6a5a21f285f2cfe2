"""`relayctl apply`: what a file declares is made so, and nothing else."""

import json
from pathlib import Path
from typing import Any

import click

from cli.admin.options import AdminCommand, Session
from cli.admin.text import printable

EXIT_DIFFERS = 4
_SIGNS = {"create": "+", "change": "~", "remove": "-"}


@click.command(cls=AdminCommand)
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    metavar="FILE",
    help="What there is to be, as YAML or JSON; `-` is standard input.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--prune",
    is_flag=True,
    help="Take away what the file's sections do not name; keys are revoked.",
)
@click.option(
    "--update-secrets",
    is_flag=True,
    help="Send credentials and channels' secrets again: no difference is seen in them.",
)
@click.option(
    "--keys-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the secrets of new keys are added, a line of JSON each.",
)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit code 4 when something differed, 0 when nothing did.",
)
@click.pass_obj
def apply(
    session: Session,
    file: str,
    dry_run: bool,
    prune: bool,
    update_secrets: bool,
    keys_file: Path | None,
    detailed_exitcode: bool,
) -> None:
    """Make what a file declares so: teams, users, keys, accounts, groups, aliases, channels.

    What the file does not name stays as it is; so do members that it leaves out. Repeating it
    changes nothing. Should a call be refused in the middle, what was done before it stays, and
    repeating goes on from there. docs/gitops.md has the file's form.
    """  # fmt: skip
    from cli.admin.applying.configuration import InvalidConfiguration
    from cli.admin.applying.making import Maker
    from cli.admin.applying.plan import plan, read_present

    try:
        declared = _declared(file)
        organisation = session.client.get("/internal/organisation")
        present = read_present(
            lambda path: session.client.items(path, {}, None), organisation, declared
        )
        changes = plan(declared, present, prune=prune, update_secrets=update_secrets)
    except InvalidConfiguration as error:
        said = "\n  ".join(printable(line) for line in error.lines)
        raise click.UsageError(f"{printable(file)}: {said}") from None
    making_keys = [one for one in changes if one.kind.section == "keys" and one.action == "create"]
    if making_keys and keys_file is None and not dry_run:
        raise click.UsageError(
            f"{len(making_keys)} new keys would be shown nowhere: give --keys-file FILE"
        )
    if session.output == "table":
        _show(changes)
    maker = Maker(session.client, present, keys_file)
    done: list[Any] = []
    try:
        for change in [] if dry_run else changes:
            maker.make(change)
            done.append(change)
    finally:
        if session.output != "table":
            click.echo(json.dumps({"changes": _as_json(changes), "made": len(done)}))
        elif not dry_run and changes:
            click.echo(f"{len(done)} of {len(changes)} made")
    if detailed_exitcode and changes:
        raise click.exceptions.Exit(EXIT_DIFFERS)


def _declared(file: str) -> dict[str, Any]:
    from cli.admin.applying.configuration import read_configuration, resolved
    from cli.admin.applying.kinds import SECTIONS

    try:
        with click.open_file(file, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--file: {file} cannot be read: {error}") from None
    directory = Path() if file == "-" else Path(file).parent
    sections = read_configuration(text, SECTIONS)
    return {name: resolved(one, name, directory) for name, one in sections.items()}


def _show(changes: list[Any]) -> None:
    for change in changes:
        verb = f" ({change.kind.is_removed})" if change.action == "remove" else ""
        named = "" if change.kind.section == "organisation" else f" {change.name}"
        click.echo(printable(f"{_SIGNS[change.action]} {change.kind.singular}{named}{verb}"))
        for one in change.differences:
            before = "" if change.action == "create" else f"{_written(one.before)} -> "
            click.echo(printable(f"    {one.member}: {before}{_written(one.after)}"))
    counts = {action: sum(one.action == action for one in changes) for action in _SIGNS}
    click.echo(
        f"{counts['create']} to create, {counts['change']} to change, {counts['remove']} to remove"
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_json(changes: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "action": change.action,
            "kind": change.kind.singular,
            "name": change.name,
            "differences": [
                {"member": one.member, "before": one.before, "after": one.after}
                for one in change.differences
            ],
        }
        for change in changes
    ]
