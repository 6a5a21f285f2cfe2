"""`relayctl master-key`: a new master key, while the one in use stays accepted for a while."""

import os
import secrets
from pathlib import Path

import click

from cli.admin.options import AdminGroup, Session, kept_master_key, say
from cli.admin.options import master_key as current_master_key
from cli.kubernetes.access import cluster_options, find_access, find_namespace
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
@click.option("--kubernetes", is_flag=True, help="Replace it in the Secrets of --release.")
@click.option("--release", metavar="NAME", help="The Helm release.")
@click.option(
    "--alias",
    metavar="NAME",
    default="llm-proxy-master-key",
    show_default=True,
    help="The Secret with a copy of the key, if there is one.",
)
@cluster_options
@click.pass_obj
def rotate(
    session: Session,
    /,
    to: str | None,
    minutes: int | None,
    kubernetes: bool,
    release: str | None,
    alias: str,
    **cluster: str | None,
) -> None:
    """Make a new master key; the one of this call is accepted for N minutes more.

    The server takes the new key when it is started with it: a Secret in a cluster, the state
    directory of `relayctl dev`. Until then the old one is its key.

    With --kubernetes the key in use is read from <release>-master-key unless one is given, and the
    new one is put there and into its copy; it is printed nowhere.
    """
    if kubernetes or release or any(cluster.values()):
        _rotate_in_cluster(session, to, minutes, release, alias, cluster)
        return
    target = _target(session, to)
    until = _grant_grace(session, minutes)
    new = _new_key()
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


def _rotate_in_cluster(
    session: Session,
    to: str | None,
    minutes: int | None,
    release: str | None,
    alias: str,
    cluster: dict[str, str | None],
) -> None:
    from cli.kubernetes.api import SecretsAPI
    from cli.kubernetes.master_key import KeptMasterKey

    if release is None:
        raise click.UsageError("say with --release which release's master key is replaced")
    if to is not None:
        raise click.UsageError("give --to or --kubernetes, not both: the Secrets take the new key")
    namespace = find_namespace(cluster["namespace"])
    access = find_access(
        cluster["kube_server"], cluster["kube_token_file"], cluster["kube_ca_file"]
    )
    api = SecretsAPI(access, namespace, say)
    try:
        kept = KeptMasterKey(api, release, alias)
        if session.master_key_file is not None or variable("PROXY_MASTER_KEY"):
            kept.must_be(current_master_key(session.master_key_file))
        session.master_key = kept.key
        until = _grant_grace(session, minutes)
        replaced = kept.replace(_new_key())
    finally:
        api.close()
    session.show_said(
        f"The new key is in {' and '.join(replaced)}. Pods of key_admin that start from now on "
        f"take it; start the running ones again before {until}, when the old one stops being "
        f"accepted:\n{_restart_commands(release, namespace)}",
        {"accepted_until": until, "secrets": replaced},
    )


def _restart_commands(release: str, namespace: str) -> str:
    name = f"{release}-key-admin"
    return (
        f"  kubectl -n {namespace} delete pod -l serving.knative.dev/service={name}\n"
        f"or, where the chart runs without Knative,\n"
        f"  kubectl -n {namespace} rollout restart deployment/{name}"
    )


def _grant_grace(session: Session, minutes: int | None) -> str:
    """Have the key of this session accepted for so long; gives until when."""
    body = {} if minutes is None else {"minutes": minutes}
    until: str = session.client.send("POST", PATH, body=body).body["accepted_until"]
    return until


def _new_key() -> str:
    return secrets.token_hex(_NEW_KEY_BYTES)


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
