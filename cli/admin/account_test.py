"""`relayctl accounts test`: finds the account, and shows each step as it comes."""

import json
from collections.abc import Iterator
from typing import Any

import click

from cli.admin.client import Client
from cli.admin.errors import EXIT_REFUSED, Refused
from cli.admin.options import Session
from cli.admin.text import printable
from common.domain.ids import is_ulid


def find_account(client: Client, path: str, name: str) -> str:
    """The id of the account of that name, or the id itself. Raises `Refused`."""
    if is_ulid(name):
        return name
    for account in client.items(path, {}, None):
        if account["name"] == name:
            found: str = account["id"]
            return found
    raise Refused(f"there is no account named {name!r}: see `relayctl accounts list`")


def show_lines(session: Session, lines: Iterator[dict[str, Any]]) -> None:
    """Print the steps; ends with the exit code of a refusal when the account does not work."""
    ok = False
    for line in lines:
        ok = bool(line.get("ok"))
        text = _sentence(line) if session.output == "table" else json.dumps(line)
        click.echo(printable(text))
    if not ok:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _sentence(line: dict[str, Any]) -> str:
    match line["event"]:
        case "asked":
            by = f" by {line['egress_proxy']}" if line.get("egress_proxy") else ""
            return f"asks {line['url']}{by} for {line['model']} ({line['format']})"
        case "answered":
            return f"status {line['status']} after {line['ms']} ms"
        case "refused":
            return f"status {line['status']} after {line['ms']} ms: {line['body']}"
        case "data":
            data = line["data"]
            return f"  {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}"
        case "failed":
            return f"it does not work: {line['message']}"
    return f"{'it works' if line.get('ok') else 'failed'}, {line['ms']} ms in all"
