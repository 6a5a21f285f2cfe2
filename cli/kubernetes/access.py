"""Where the API server is, and who we are there: a pod's service account, or options.

Kubernetes: "Accessing the Kubernetes API from a Pod". Outside of a cluster `kubectl proxy` speaks
for whoever runs it, so that no kubeconfig has to be understood here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import click

from cli.admin.options import read_secret
from common.settings import variable

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_Command = TypeVar("_Command", bound=Callable[..., Any])
_OUTSIDE = (
    "outside of a cluster run `kubectl proxy` and give --kube-server http://127.0.0.1:8001, or "
    "give --kube-server, --kube-token-file and --kube-ca-file"
)


class Access(NamedTuple):
    """The API server's address, our token (none behind `kubectl proxy`), whom we trust."""

    server: str
    token: str
    ca_file: str | None


def find_access(server: str | None, token_file: str | None, ca_file: str | None) -> Access:
    """How to reach the API server. Raises `click.UsageError`."""
    if server is None:
        server = _in_cluster()
        token_file = token_file or f"{SERVICE_ACCOUNT}/token"
        ca_file = ca_file or f"{SERVICE_ACCOUNT}/ca.crt"
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(
            "--kube-server: must be an http address, such as http://127.0.0.1:8001"
        )
    token = read_secret(token_file, "--kube-token-file") if token_file else ""
    if token and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise click.UsageError("--kube-server: a token is sent by https only, or to this machine")
    return Access(server.rstrip("/"), token, ca_file)


def find_namespace(namespace: str | None) -> str:
    """The namespace given, else the pod's own. Raises `click.UsageError`."""
    if namespace:
        return namespace
    try:
        return Path(SERVICE_ACCOUNT, "namespace").read_text().strip()
    except OSError:
        raise click.UsageError("--namespace: say in which namespace the release is") from None


def _in_cluster() -> str:
    host = variable("KUBERNETES_SERVICE_HOST")
    if not host:
        raise click.UsageError(f"this is no pod (KUBERNETES_SERVICE_HOST is not set): {_OUTSIDE}")
    if ":" in host:
        host = f"[{host}]"
    return f"https://{host}:{variable('KUBERNETES_SERVICE_PORT') or '443'}"


def cluster_options(command: _Command) -> _Command:
    """Give a command the options that `Access` and the namespace come from."""
    for option in (
        click.option("--kube-ca-file", metavar="FILE", help="Whom to trust there, in PEM."),
        click.option("--kube-token-file", metavar="FILE", help="The token to show there."),
        click.option(
            "--kube-server",
            metavar="URL",
            help="The Kubernetes API (this pod's own; `kubectl proxy` is http://127.0.0.1:8001).",
        ),
        click.option("--namespace", "-n", metavar="NS", help="The release's (this pod's own)."),
    ):
        command = option(command)
    return command
