"""Options of `relayctl accounts` for what only some providers need, and for routing."""

import json
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from cli.admin.options import members, read_secret
from common.domain.accounts import Quirk

QUIRKS = get_args(Quirk)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def provider_options(command: _Command) -> _Command:
    """Give a command the options that `provider_members` and `credential_member` read."""
    for option in (
        click.option(
            "--egress-proxy-file",
            metavar="FILE",
            help="Where the URL of the account's http, https or socks5 proxy is, with its "
            "password; `-` is standard input.",
        ),
        click.option("--expires-at", metavar="TIME", help="It serves until then (RFC 3339)."),
        click.option(
            "--schedulable/--drained",
            "schedulable",
            default=None,
            help="Drained: it serves only what is pinned to it.",
        ),
        click.option(
            "--header",
            "headers",
            metavar="NAME=VALUE",
            multiple=True,
            callback=_headers,
            help="Sent with every request; repeatable. Shown, so no secrets.",
        ),
        click.option(
            "--quirk",
            "quirks",
            type=click.Choice(QUIRKS),
            multiple=True,
            help="What a compatible server does otherwise than OpenAI; repeatable.",
        ),
        click.option("--project", metavar="ID", help="Vertex AI: the project (the key's own)."),
        click.option("--api-version", metavar="DATE", help="Azure: of the API of deployments."),
        click.option(
            "--tag", "tags", metavar="TAG", multiple=True, help="For routing; repeatable."
        ),
        click.option("--region", metavar="REGION", help="Where it serves; Bedrock: required."),
        click.option(
            "--credential-file",
            metavar="FILE",
            help="Instead of an API key: JSON, a service account's key file or the members of the "
            "API's `credential`; `-` is standard input.",
        ),
    ):
        command = option(command)
    return command


def provider_members(given: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that the options say. Raises `click.UsageError`."""
    body = members(
        region=given["region"],
        schedulable=given["schedulable"],
        expires_at=given["expires_at"],
        tags=list(given["tags"]) or None,
        extra_headers=dict(given["headers"]) or None,
        options=members(
            api_version=given["api_version"],
            project=given["project"],
            quirks=list(given["quirks"]) or None,
        )
        or None,
    )
    if (file := given["egress_proxy_file"]) is not None:
        body["egress_proxy"] = read_secret(file, "--egress-proxy-file")
    return body


def credential_member(given: dict[str, Any]) -> dict[str, Any]:
    """The credential that a file has; empty without one. Raises `click.UsageError`."""
    api_key, file = given["api_key_file"], given["credential_file"]
    if api_key is not None and file is not None:
        raise click.UsageError("give --api-key-file or --credential-file, not both")
    if api_key is not None:
        return {"api_key": read_secret(api_key, "--api-key-file")}
    if file is None:
        return {}
    try:
        read = json.loads(read_secret(file, "--credential-file"))
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise click.UsageError(f"--credential-file: {file} holds no JSON object")
    return {"service_account": read} if read.get("type") == "service_account" else read


def _headers(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, str]]:
    del context, parameter
    pairs = [one.partition("=") for one in given]
    for name, sign, _ in pairs:
        if not sign:
            raise click.BadParameter(f"{name!r} is not NAME=VALUE")
    return [(name, value) for name, _, value in pairs]
