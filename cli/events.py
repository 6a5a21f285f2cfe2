"""`relayctl events`: what went through the local broker, and what could not be delivered."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli.admin.output import OUTPUTS, Column, Shape, print_items
from common.settings import variable

_LIST_LIMIT = 50
_LETTERS_MAX = 10_000
_HTTP_TIMEOUT_S = 10.0
_output = click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
_EVENTS = Shape(
    "events yet",
    (
        Column("RECEIVED", "received_at"),
        Column("ID", "id"),
        Column("TYPE", "type"),
        Column("DELIVERIES", "deliveries"),
    ),
    ("received_at", "id", "type", "source", "subject", "bytes", "deliveries"),
)
_DEAD_LETTERS = Shape(
    "dead letters",
    (
        Column("DIED", "dead_at"),
        Column("DEAD LETTER", "id"),
        Column("TRIGGER", "trigger"),
        Column("TYPE", "event.type"),
        Column("ATTEMPTS", "attempts"),
        Column("LAST STATUS", "event.knativeerrorcode"),
    ),
    (
        *("dead_at", "id", "trigger", "attempts", "event.id", "event.source", "event.type"),
        *("event.knativeerrorcode", "event.knativeerrordest"),
    ),
)
_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=_LIST_LIMIT, show_default=True
)


@click.group()
@click.option(
    "--broker",
    metavar="URL",
    help="The local broker's address; found in $RELAY_STATE_DIR/processes.json when not given.",
)
@click.pass_context
def events(context: click.Context, broker: str | None) -> None:
    """Look at the events of the local stack, and send dead ones again."""
    context.obj = broker


@events.command("list")
@click.option("--type", "event_type", metavar="TYPE", help="Only events of this type.")
@_limit
@_output
@click.pass_obj
def list_events(broker: str | None, event_type: str | None, limit: int, output: str) -> None:
    """The last events that the broker took, the newest first."""
    query = {"limit": str(limit), **({"type": event_type} if event_type else {})}
    items = _ask(broker, "GET", "/events", query=query)["items"]
    if output != "json":
        items = [{**item, "deliveries": _deliveries(item["deliveries"])} for item in items]
    print_items(output, _EVENTS, items)


@events.command()
@click.argument("event_id", metavar="ID")
@click.pass_obj
def show(broker: str | None, event_id: str) -> None:
    """One event with its data, by its id or a dead letter's."""
    found = _ask(broker, "GET", f"/dead-letters/{event_id}", missing_is_none=True)
    if found is None:
        found = _ask(broker, "GET", f"/events/{event_id}", missing_is_none=True)
    if found is None:
        raise click.ClickException(f"neither an event nor a dead letter has the id {event_id}")
    _print_json(found)


@events.command("dead-letters")
@_limit
@_output
@click.pass_obj
def dead_letters(broker: str | None, limit: int, output: str) -> None:
    """Events that could not be delivered, the newest first."""
    items = _ask(broker, "GET", "/dead-letters", query={"limit": str(limit)})["items"]
    print_items(output, _DEAD_LETTERS, items)


@events.command()
@click.argument("letter_ids", metavar="[DEAD_LETTER]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All dead letters.")
@click.pass_obj
def retry(broker: str | None, letter_ids: tuple[str, ...], all_: bool) -> None:
    """Deliver dead letters again, each to the Trigger it was for.

    Those that cleanup keeps too go by the admin API, as `relayctl dead-letters retry` sends them,
    so that they are not left waiting there.
    """
    if bool(letter_ids) == all_:
        raise click.UsageError("name dead letters (relayctl events dead-letters), or give --all")
    letters = _ask(broker, "GET", "/dead-letters", query={"limit": str(_LETTERS_MAX)})["items"]
    chosen = [letter for letter in letters if all_ or letter["id"] in letter_ids]
    retried = [] if broker else _retry_kept(chosen)
    ids = [letter["id"] for letter in chosen if letter["id"] not in retried]
    if ids:
        retried += _ask(broker, "POST", "/dead-letters/retry", body={"ids": ids})["retried"]
    click.echo(f"{len(retried)} dead letter{'s' * (len(retried) != 1)} queued for delivery")
    if missing := sorted(set(letter_ids) - set(retried)):
        raise click.ClickException(f"not there, or without their Trigger: {', '.join(missing)}")


@events.command()
@click.argument("ping_source", metavar="PINGSOURCE")
@click.option("--manifests", type=click.Path(path_type=Path), help="Where the manifests are.")
@click.pass_obj
def fire(broker: str | None, ping_source: str, manifests: Path | None) -> None:
    """Fire a PingSource of knative/ now, such as `outbox`."""
    from cli.dev.manifests import MANIFESTS_DIRECTORY, ManifestError, load_manifests

    try:
        loaded = load_manifests(manifests or MANIFESTS_DIRECTORY)
        source = loaded.ping_source(ping_source)
    except ManifestError as error:
        raise click.ClickException(str(error)) from None
    from cli.dev.cron import ingress, send, tick

    # Without a time it belongs to no slot, and so is no repetition of cron's own tick.
    event = tick(source, timed=False)
    address = ingress(_address(broker), loaded)

    async def post() -> str:
        import httpx

        async with httpx.AsyncClient(trust_env=False, timeout=_HTTP_TIMEOUT_S) as client:
            return await send(client, address, event)

    if said := asyncio.run(post()):
        raise click.ClickException(f"{source.name} did not fire: {said}")
    click.echo(f"{source.name} fired as event {event.id}")


def _retry_kept(letters: Sequence[dict[str, Any]]) -> list[str]:
    """Retry those that cleanup keeps; which of the letters these are. None without the API."""
    from cli.admin.address import find_address
    from cli.admin.client import Client, one
    from cli.admin.dead_letters import PATH
    from cli.admin.errors import Refused, Unreachable
    from cli.admin.options import master_key

    if not letters:
        return []
    retried: list[str] = []
    try:
        client = Client(
            find_address(None).url,
            master_key(None),
            retries=0,
            timeout_s=_HTTP_TIMEOUT_S,
            ca_file=None,
            say=lambda text: click.echo(text, err=True),
        )
        with contextlib.closing(client):
            kept = {
                (item["event_source"], item["event_id"]): item["id"]
                for item in client.items(PATH, {}, None)
                if item["retried_at"] is None
            }
            for letter in letters:
                key = letter["event"]["source"], letter["event"]["id"]
                if key in kept:
                    client.send("POST", one(PATH, kept[key], "/retry"))
                    retried.append(letter["id"])
    except (click.UsageError, Refused, Unreachable) as error:
        said = error.message if isinstance(error, click.ClickException) else str(error)
        click.echo(f"what cleanup keeps still waits in `relayctl dead-letters`: {said}", err=True)
    return retried


def _address(broker: str | None) -> str:
    """The broker's base URL. Raises `click.ClickException` that says how to give it."""
    if broker:
        return broker.rstrip("/")
    file = Path(variable("RELAY_STATE_DIR", ".relay")) / "processes.json"
    try:
        entry = json.loads(file.read_text(encoding="utf-8"))["broker"]
        return str(entry.get("url") or f"http://127.0.0.1:{entry['port']}").rstrip("/")
    except (OSError, ValueError, KeyError, AttributeError):
        raise click.ClickException(
            f"no local broker is written down in {file}: start `relayctl dev`, or give --broker "
            "http://127.0.0.1:PORT (before the command's name)"
        ) from None


def _ask(
    broker: str | None,
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: Any = None,
    missing_is_none: bool = False,
) -> Any:
    import httpx

    address = _address(broker)
    try:
        with httpx.Client(trust_env=False, timeout=_HTTP_TIMEOUT_S) as client:
            response = client.request(method, address + path, params=query, json=body)
    except httpx.HTTPError as error:
        raise click.ClickException(f"the broker at {address} does not answer: {error}") from None
    if response.status_code == 404 and missing_is_none:
        return None
    if not response.is_success:
        raise click.ClickException(f"the broker at {address} answered {response.status_code}")
    return response.json()


def _deliveries(deliveries: Sequence[dict[str, Any]]) -> str:
    """Such as `relay-cron delivered (204)`; `nobody` when no Trigger wants the event."""
    said = []
    for delivery in deliveries:
        status = f" ({delivery['status']})" if delivery["status"] is not None else ""
        again = f" after {delivery['attempts']} attempts" if delivery["attempts"] > 1 else ""
        said.append(f"{delivery['trigger']} {delivery['state']}{again}{status}")
    return ", ".join(said) or "nobody"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
