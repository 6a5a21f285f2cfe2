"""`relayctl master-key`: a new master key, while the one in use stays accepted for a while."""

import os
import secrets
from pathlib import Path

import click

from cli.admin.options import AdminGroup, Session, kept_master_key, say
from common.settings import variable

PATH = "/internal/master-key/grace"
STDOUT = "-"
_NEW_KEY_BYTES = 32


@click.group("master-key", cls=AdminGroup)
def master_key() -> None:
    """Replace the administrators' key."""


@master_key.command()
@click.option(
    "--to",
    metavar="FILE",
    help="Where the new key goes, a file that is not there yet; `-` is standard output. Where the "
    "key in use is $RELAY_STATE_DIR/master-key, that file is replaced.",
)
@click.option("--minutes", metavar="N", type=int, help="How long the old one is accepted (30).")
@click.pass_obj
def rotate(session: Session, to: str | None, minutes: int | None) -> None:
    """Make a new master key; the one of this call is accepted for N minutes more.

    The server takes the new key when it is started with it: a Secret in a cluster, the state
    directory of `relayctl dev`. Until then the old one is its key.
    """
    target = _target(session, to)
    body = {} if minutes is None else {"minutes": minutes}
    until = session.client.send("POST", PATH, body=body).body["accepted_until"]
    new = secrets.token_hex(_NEW_KEY_BYTES)
    if target is None:
        click.echo(new)
        say(f"Restart the server with it before {until}, when the old one stops being accepted.")
        return
    try:
        _write(target, new)
    except OSError as error:
        raise click.UsageError(
            f"--to: {target} cannot be written: {error}; the old key stays the one in use"
        ) from None
    said = {"accepted_until": until, "file": str(target)}
    session.show_said(
        f"The new key is in {target}: restart the server with it before {until}, when the old one "
        "stops being accepted.",
        said,
    )


def _target(session: Session, to: str | None) -> Path | None:
    """The file to write; None for standard output. Raises `click.UsageError` before any call."""
    if to == STDOUT:
        return None
    if to is not None:
        if Path(to).exists():
            raise click.UsageError(f"--to: {to} is there already: name a file that is not")
        return Path(to)
    if session.master_key_file is not None or variable("PROXY_MASTER_KEY"):
        raise click.UsageError(
            "say with --to FILE where the new key goes: the one in use is not the state directory's"
        )
    return kept_master_key()


def _write(file: Path, key: str) -> None:
    """Whole or not at all, and for nobody else to read."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(f"{key}\n")
    new.replace(file)
