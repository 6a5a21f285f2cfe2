"""`relayctl ensure-secrets`: the Secrets that a release keeps, made by the chart's hook Job."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.admin.options import say
from cli.kubernetes.access import cluster_options, find_access, find_namespace

if TYPE_CHECKING:
    from cli.kubernetes.api import SecretsAPI
    from cli.kubernetes.ensure import Ensured

POLL_S = 2.0


@click.command("ensure-secrets")
@click.option("--release", required=True, metavar="NAME", help="The Helm release.")
@click.option(
    "--given",
    "directory",
    metavar="DIRECTORY",
    help="Values of your own, a file each: masterKey, internalSecret, jwtSecret, encryptionKey, "
    "databasePassword, redisPassword, adminUsername, adminPassword. Absent or empty: made.",
)
@click.option("--alias", metavar="NAME", help="A copy of the master key under this name, once.")
@click.option(
    "--master-key-secret",
    "own",
    metavar="NAME",
    help="A Secret of yours that holds PROXY_MASTER_KEY: it is looked for only.",
)
@click.option(
    "--wait-s",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to look for it; one that comes later still is no failure.",
)
@cluster_options
def ensure_secrets(
    release: str,
    directory: str | None,
    alias: str | None,
    own: str | None,
    wait_s: float,
    namespace: str | None,
    kube_server: str | None,
    kube_token_file: str | None,
    kube_ca_file: str | None,
) -> None:
    """Make <release>-master-key and <release>-internal, and add what they lack.

    What is there is never overwritten, no value is ever printed, and any number of runs, at the
    same time too, end in the same Secrets. They are marked to outlive Helm's uninstall and Argo
    CD's pruning.

    Ends with 0 when they are there, 1 when a value conflicts or the cluster refuses (the text says
    what to do), 2 when an option is wrong, 3 when the Kubernetes API cannot be reached.
    """
    from cli.kubernetes.api import SecretsAPI
    from cli.kubernetes.errors import ClusterRefused
    from cli.kubernetes.release_secrets import Conflict

    namespace = find_namespace(namespace)
    api = SecretsAPI(find_access(kube_server, kube_token_file, kube_ca_file), namespace, say)
    try:
        _ensure_all(api, release, directory, alias, own, wait_s)
    except Conflict as error:
        raise ClusterRefused(str(error)) from None
    finally:
        api.close()


def _ensure_all(
    api: "SecretsAPI",
    release: str,
    directory: str | None,
    alias: str | None,
    own: str | None,
    wait_s: float,
) -> None:
    from cli.kubernetes.ensure import copy_once, ensure
    from cli.kubernetes.release_secrets import check, plan_internal, plan_master_key

    given = read_given(directory)
    check(given)
    internal = f"{release}-internal"
    _tell(
        internal,
        ensure(
            api, internal, release, lambda kept: plan_internal(kept, given, release, api.namespace)
        ),
    )
    if own:
        _look_for(api, own, wait_s)
        return
    name = f"{release}-master-key"
    made = ensure(
        api, name, release, lambda kept: plan_master_key(kept, given, release, api.namespace)
    )
    _tell(name, made)
    if alias and alias != name:
        _tell(alias, copy_once(api, alias, release, made.data))


def read_given(directory: str | None) -> dict[str, str]:
    """The values that the directory's files give. Raises `click.UsageError`."""
    from cli.kubernetes.release_secrets import NAMES

    given = {}
    for name in NAMES if directory else ():
        file = Path(str(directory), name)
        try:
            value = file.read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
            raise click.UsageError(f"--given: {file} cannot be read: {reason}") from None
        if value:
            given[name] = value
    return given


def _look_for(api: "SecretsAPI", name: str, wait_s: float) -> None:
    from cli.kubernetes.release_secrets import MASTER_KEY

    end = time.monotonic() + wait_s
    while True:
        secret = api.get(name)
        if secret is not None and secret.data.get(MASTER_KEY):
            click.echo(f"{name}: has {MASTER_KEY}")
            return
        if time.monotonic() >= end:
            break
        time.sleep(min(POLL_S, wait_s))
    lack = "is not there yet" if secret is None else f"has no {MASTER_KEY} yet"
    say(
        f"warning: the Secret {name} in {api.namespace} {lack}: key_admin starts when it has "
        "(External Secrets and the like may make it later)"
    )


def _tell(name: str, ensured: "Ensured") -> None:
    click.echo(f"{name}: {ensured.done}")
    for warning in ensured.warnings:
        for number, line in enumerate(warning.splitlines()):
            say(line if number else f"warning: {line}")
