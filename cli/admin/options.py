"""What all commands of the administrator share: where the server is, its key, how to print."""

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from cli.admin import saved_sessions
from cli.admin.address import Address, find_address, state_directory
from cli.admin.client import Client
from cli.admin.errors import EXIT_CODES, Refused, Unreachable
from cli.admin.examples import EXAMPLES
from cli.admin.naming import NAMED, with_ids
from cli.admin.output import OUTPUTS, Item, Shape, print_item, print_items
from cli.admin.text import printable
from common.settings import variable

LIMIT_DEFAULT = 50
_CONNECTION = ("url", "master_key_file", "ca_file", "retries", "timeout", "output")
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Connection(NamedTuple):
    """How to reach the server and how to print, as the command line says."""

    url: str | None
    master_key_file: str | None
    ca_file: str | None
    retries: int
    timeout: float
    output: str


class Session:
    """What a command works with: the server, found when first asked for, and the output."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.output = connection.output
        self.master_key_file = connection.master_key_file
        # The key itself, where a command has it from elsewhere than the options say.
        self.master_key: str | None = None

    @cached_property
    def address(self) -> Address:
        """Where the server is. Raises `click.UsageError`."""
        return find_address(self._connection.url)

    @cached_property
    def client(self) -> Client:
        """The server, by the first of what there is. Raises `click.UsageError`, `Refused`."""
        given = self._connection
        if self.master_key is None and given.master_key_file is None:
            if token := variable("RELAY_ADMIN_TOKEN"):
                return self._client(_header_safe(token, "RELAY_ADMIN_TOKEN"))
            if not variable("PROXY_MASTER_KEY") and saved_sessions.has(self.address.url):
                return self.by_session
        key = self.master_key or master_key(given.master_key_file)
        return self._client(key, "" if self.master_key else self._kept_key_note())

    @cached_property
    def by_session(self) -> Client:
        """The server, by the session of `relayctl login`. Raises `Refused`."""
        return self._client(saved_sessions.access_token(self.address.url, self.anonymous))

    @cached_property
    def anonymous(self) -> Client:
        """The server, asked by nobody in particular."""
        return self._client("")

    def _client(self, key: str, wrong_key_note: str = "") -> Client:
        given = self._connection
        try:
            return Client(
                self.address.url,
                key,
                retries=given.retries,
                timeout_s=given.timeout,
                ca_file=given.ca_file,
                say=say,
                wrong_key_note=wrong_key_note,
            )
        except OSError as error:
            raise click.UsageError(f"--ca-file: no certificates in PEM: {error}") from None

    def _kept_key_note(self) -> str:
        if self.master_key_file is not None or variable("PROXY_MASTER_KEY"):
            return ""
        return (
            f"the key is that in {kept_master_key()}: if `relayctl master-key rotate` put it "
            "there, the server takes it once it is restarted (Ctrl-C, then `relayctl dev`)"
        )

    def close(self) -> None:
        """Close connections, if there are any."""
        for name in ("client", "by_session", "anonymous"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def create(self, path: str, body: Item, idempotency_key: str) -> Item:
        """What a call made, once however often it is sent. Raises `Refused`, `Unreachable`."""
        headers = {"idempotency-key": idempotency_key}
        try:
            made: Item = self.client.send("POST", path, body=body, headers=headers).body
        except Unreachable:
            say(f"with --idempotency-key {idempotency_key} the command can be repeated safely")
            raise
        return made

    def show(self, shape: Shape, item: Item) -> None:
        """Print one thing."""
        print_item(self.output, shape, item)

    def show_list(
        self, shape: Shape, path: str, query: dict[str, str | int | None], limit: int | None
    ) -> None:
        """Print a list, all pages of it that `limit` admits."""
        print_items(self.output, shape, self.client.items(path, query, limit))
        if self.client.more:
            say(f"these are the first {limit}: there are more with --limit or --all")

    def show_deleted(self, what: str, identifier: str) -> None:
        """Print that something is gone."""
        self.show_said(f"{what} {identifier} is deleted", {"id": identifier, "deleted": True})

    def show_said(self, sentence: str, item: Item) -> None:
        """Print what was done: a sentence for people, the same as fields for programs."""
        if self.output == "table":
            click.echo(printable(sentence))
        else:
            print_item(self.output, Shape("", (), tuple(item)), item)


# Options -> the fields that they set under other names than their own.
_ALSO_SETS = {
    "api_key_file": ("api_key",),
    "credential_file": ("access_key_id", "secret_access_key", "session_token", "service_account"),
    "headers": ("extra_headers",),
    "redaction": ("policy",),
    "egress_proxy_file": ("egress_proxy",),
    "hook_url": ("url",),
    "secret_file": ("webhook_url", "bot_token", "signing_secret", "smtp_password"),
}


class AdminCommand(click.Command):
    """A command with the options of the connection, run with a `Session` as context object."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += _connection_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; a refusal names the options that set the fields at fault."""
        session = Session(Connection(**{name: ctx.params.pop(name) for name in _CONNECTION}))
        ctx.obj = session
        try:
            self._look_up_names(ctx, session)
            return super().invoke(ctx)
        except Refused as error:
            error.options = self._options()
            raise
        except Unreachable as error:
            if session.address.note:
                raise Unreachable(f"{error.message}; {session.address.note}") from error
            raise
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        finally:
            session.close()

    def _look_up_names(self, ctx: click.Context, session: Session) -> None:
        """Ids in the place of names. Raises `Refused`."""
        if ctx.parent is not None and ctx.parent.info_name == "self":
            return  # who sees but their own may not look names up among all
        for name in NAMED.keys() & ctx.params.keys():
            given = ctx.params[name]
            if given and not isinstance(given, bool):
                ctx.params[name] = with_ids(session.client, NAMED[name], given)

    def _options(self) -> dict[str, str]:
        """Field -> the option that sets it."""
        named = {
            param.name: param.opts[0]
            for param in self.params
            if isinstance(param, click.Option) and param.name and param.name not in _CONNECTION
        }
        return named | {
            field: named[option]
            for option, fields in _ALSO_SETS.items()
            if option in named
            for field in fields
        }

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, and what the exit codes mean."""
        super().format_epilog(ctx, formatter)
        if examples := EXAMPLES.get(ctx.command_path.removeprefix("relayctl ")):
            with formatter.section("Examples"):
                for example in examples:
                    # Whole, however long: it is there to be copied.
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)


class AdminGroup(click.Group):
    """A group of such commands."""

    command_class = AdminCommand

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What the exit codes mean."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)


def paged(command: _Command) -> _Command:
    """Give a command --limit and --all; `how_many` reads them."""
    limit = click.option(
        "--limit", type=click.IntRange(min=1), help=f"At most so many ({LIMIT_DEFAULT})."
    )
    return limit(click.option("--all", "all_", is_flag=True, help="All, over all pages.")(command))


def how_many(limit: int | None, all_: bool) -> int | None:
    """What --limit and --all say; None for all. Raises `click.UsageError`."""
    if all_ and limit is not None:
        raise click.UsageError("give --limit or --all, not both")
    return None if all_ else limit or LIMIT_DEFAULT


def idempotent(command: _Command) -> _Command:
    """Give a command --idempotency-key, a fresh one unless it is told."""
    return click.option(
        "--idempotency-key",
        metavar="KEY",
        callback=_idempotency_key,
        help="Repeating the command with the same KEY makes nothing twice (a fresh one).",
    )(command)


def master_key(file: str | None) -> str:
    """The master key, from where it may be. Raises `click.UsageError`.

    Never from an argument, which all of a machine's users can read.
    """
    if file is not None:
        return _header_safe(read_secret(file, "--master-key-file"), f"the key in {file}")
    if key := variable("PROXY_MASTER_KEY"):
        return _header_safe(key, "PROXY_MASTER_KEY")
    kept = kept_master_key()
    if not kept.is_file():
        raise click.UsageError(
            f"no master key: give --master-key-file FILE, or set PROXY_MASTER_KEY ({kept} is not "
            "there)"
        )
    return _header_safe(read_secret(str(kept), "--master-key-file"), f"the key in {kept}")


def kept_master_key() -> Path:
    """Where `relayctl dev` keeps the master key that it made."""
    return state_directory() / "master-key"


def read_secret(file: str, option: str) -> str:
    """A file's one line; `-` is the standard input. Raises `click.UsageError`."""
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            secret: str = stream.read().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option}: {file} cannot be read: {error}") from None
    if not secret:
        raise click.UsageError(f"{option}: {file} is empty")
    return secret


def read_text(file: str, option: str) -> str:
    """A file's text; `-` is the standard input. Raises `click.UsageError`."""
    try:
        with click.open_file(file, encoding="utf-8-sig") as stream:
            text: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option}: {file} cannot be read: {error}") from None
    return text


def members(**values: Any) -> dict[str, Any]:
    """What was given: a body without the fields whose options were left out."""
    return {name: value for name, value in values.items() if value is not None}


def replaced(given: Sequence[str], emptied: bool, option: str, clearing: str) -> list[str] | None:
    """What a list becomes; None when it stays. Raises `click.UsageError`."""
    if given and emptied:
        raise click.UsageError(f"give {option} or {clearing}, not both")
    return list(given) if given or emptied else None


def set_or_taken(given: dict[str, Any], name: str, taken: str) -> dict[str, Any]:
    """A field's new value, or null when its option says to take it away.

    Raises `click.UsageError`.
    """
    if given[taken] and given[name] is not None:
        option = name.replace("_", "-")
        raise click.UsageError(f"give --{option} or --{taken.replace('_', '-')}, not both")
    return {name: None} if given[taken] else members(**{name: given[name]})


def something(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes of an update. Raises `click.UsageError` when there are none."""
    if not changes:
        raise click.UsageError("nothing to change: give at least one option")
    return changes


def say(text: str) -> None:
    """A line for whoever watches; standard output is the answer's."""
    click.echo(printable(text), err=True)


def _header_safe(key: str, where: str) -> str:
    if not key.isascii() or not key.isprintable():
        raise click.UsageError(f"{where} is not one line of printable ASCII")
    return key


def _idempotency_key(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001 - click's signature
    value: str | None,
) -> str:
    if value is None:
        return str(uuid.uuid4())
    if not re.fullmatch("[!-~]{1,255}", value):
        raise click.BadParameter("give 1 to 255 printable ASCII characters without blanks")
    return value


def _connection_options() -> Iterable[click.Option]:
    return (
        click.Option(
            ["--url"],
            metavar="URL",
            help="The server's address (RELAY_URL, then that of the `relayctl dev` in "
            "$RELAY_STATE_DIR, then port 8000 here).",
        ),
        click.Option(
            ["--master-key-file"],
            metavar="FILE",
            help="Where the master key is; `-` is standard input (PROXY_MASTER_KEY, then "
            "$RELAY_STATE_DIR/master-key).",
        ),
        click.Option(
            ["--ca-file"],
            type=click.Path(exists=True, dir_okay=False),
            help="Certificates to trust, in PEM (the system's).",
        ),
        click.Option(
            ["--retries"],
            type=click.IntRange(0, 20),
            default=4,
            show_default=True,
            help="How often to try again while the server is away.",
        ),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            show_default=True,
            help="Seconds to wait for an answer, each time.",
        ),
        click.Option(["--output"], type=click.Choice(OUTPUTS), default="table", show_default=True),
    )
