"""`relayctl login`, `logout`, `whoami`, `sessions`: a session instead of the master key."""

import click

from cli.admin import saved_sessions
from cli.admin.client import one
from cli.admin.options import (
    AdminCommand,
    AdminGroup,
    Session,
    how_many,
    master_key,
    paged,
    read_secret,
)
from cli.admin.output import Column, Shape

PATH = "/internal/session"
WHO = Shape(
    "callers",
    (Column("NAME", "name"), Column("WAY", "way"), Column("ROLE", "role")),
    ("name", "way", "role", "team_ids", "user_id", "key_id", "areas", "session_id"),
)
SESSIONS = Shape(
    "sessions",
    (
        Column("BEGAN", "created_at"),
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("ROLE", "role"),
        Column("ADDRESS", "address"),
        Column("CLIENT", "client"),
        Column("ENDS", "ends_at"),
    ),
    (
        *("id", "subject", "name", "way", "role", "team_ids", "address", "client", "created_at"),
        *("refreshed_at", "ends_at", "current"),
    ),
)


@click.command(cls=AdminCommand)
@click.option("--username", help="The administrator's name; asked for when it is not given.")
@click.option(
    "--password-file",
    metavar="FILE",
    help="Where the password is; `-` is standard input. Asked for when it is not given.",
)
@click.option("--with-master-key", is_flag=True, help="Sign in with the master key.")
@click.option(
    "--api-key-file",
    metavar="FILE",
    help="Sign in with the API key in it, for `relayctl self`; `-` is standard input.",
)
@click.pass_obj
def login(
    session: Session,
    username: str | None,
    password_file: str | None,
    with_master_key: bool,
    api_key_file: str | None,
) -> None:
    """Sign in; commands to the same address then use the session until it ends.

    RELAY_ADMIN_TOKEN, PROXY_MASTER_KEY and --master-key-file come before it.
    """
    if api_key_file is not None:
        if with_master_key or username is not None or password_file is not None:
            raise click.UsageError("give --api-key-file alone")
        body = {"api_key": read_secret(api_key_file, "--api-key-file")}
    elif with_master_key:
        if username is not None or password_file is not None:
            raise click.UsageError("give --with-master-key or a name and password, not both")
        body = {"master_key": master_key(session.master_key_file)}
    else:
        name = username or click.prompt("Name", err=True)
        password = (
            read_secret(password_file, "--password-file")
            if password_file is not None
            else click.prompt("Password", hide_input=True, err=True)
        )
        body = {"username": name, "password": password}
    url = session.address.url
    tokens = session.anonymous.send("POST", PATH, body=body).body
    saved_sessions.keep(url, tokens)
    shown = tokens["session"]
    session.show_said(
        f"Signed in at {url} as {shown['name']} ({shown['role']}) until {shown['ends_at']}.",
        {name: shown[name] for name in ("id", "name", "role", "ends_at")},
    )


@click.command(cls=AdminCommand)
@click.option("--everywhere", is_flag=True, help="End all sessions of this person.")
@click.pass_obj
def logout(session: Session, everywhere: bool) -> None:
    """Sign out: the session of `relayctl login` is over, here and at the server."""
    url = session.address.url
    if not saved_sessions.has(url):
        raise click.UsageError(f"nobody is signed in at {url}")
    try:
        session.by_session.send("DELETE", "/internal/sessions" if everywhere else PATH)
    finally:
        saved_sessions.forget(url)
    session.show_said(f"Signed out at {url}.", {"url": url, "signed_out": True})


@click.command(cls=AdminCommand)
@click.pass_obj
def whoami(session: Session) -> None:
    """Show who the server takes you for, and what you may."""
    session.show(WHO, session.client.get(PATH))


@click.group(cls=AdminGroup)
def sessions() -> None:
    """See who is signed in, and end sessions."""


@sessions.command("list")
@click.option("--everybody", is_flag=True, help="Those of all people (admin).")
@click.option("--subject", help="Those of one person, as the list names them (admin).")
@paged
@click.pass_obj
def list_sessions(
    session: Session, everybody: bool, subject: str | None, limit: int | None, all_: bool
) -> None:
    """List sessions that have not ended, the newest first: your own, unless you say whose."""
    query = {"subject": subject, "all": "true" if everybody else None}
    session.show_list(SESSIONS, "/internal/sessions", {**query}, how_many(limit, all_))


@sessions.command()
@click.argument("session_id", metavar="ID")
@click.pass_obj
def end(session: Session, session_id: str) -> None:
    """End a session; it is over on its next call."""
    session.client.send("DELETE", one("/internal/sessions", session_id))
    session.show_said(f"session {session_id} is over", {"id": session_id, "ended": True})


@sessions.command("end-all")
@click.option("--subject", required=True, help="Whose, as the list names them (admin).")
@click.pass_obj
def end_all(session: Session, subject: str) -> None:
    """End all sessions of a person; your own are ended by `logout --everywhere` too."""
    session.client.send("DELETE", "/internal/sessions", query={"subject": subject})
    session.show_said(f"all sessions of {subject} are over", {"subject": subject, "ended": True})
