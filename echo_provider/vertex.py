"""Vertex AI: its paths, its tokens, its dialect (cloud.google.com/vertex-ai/docs)."""

import re
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from echo_provider.anthropic_answers import (
    GARBAGE_EVENT,
    anthropic_error_event,
    anthropic_events,
    anthropic_whole,
)
from echo_provider.bedrock import parse_claude
from echo_provider.connection import Request
from echo_provider.dialects import Dialect, bearer
from echo_provider.faults import CLAUDE_FAULTS
from echo_provider.gemini import GEMINI, method_endpoint
from echo_provider.refusals import Refusal
from echo_provider.replies import Endpoint, Wanted, planned

if TYPE_CHECKING:
    from echo_provider.service_account import ServiceAccount

TOKEN_PATH = "/token"  # noqa: S105
PREFIX = "/v1/projects/"
ANTHROPIC_VERSION = "vertex-2023-10-16"
_PATH = re.compile(
    r"/v1(?:beta1)?/projects/([^/]+)/locations/([^/]+)/publishers/(google|anthropic)/models/"
    r"([^/:]+):([A-Za-z]+)"
)
_GEMINI_METHODS = ("generateContent", "streamGenerateContent", "countTokens")
_CLAUDE_METHODS = {"rawPredict": False, "streamRawPredict": True}


class Vertex:
    """The API of one server, which knows the tokens that it has given out."""

    def __init__(self) -> None:
        self.dialect: Dialect = replace(GEMINI, name="vertex", authenticate=self._authenticate)
        self._claude = replace(
            self.dialect, error_event=anthropic_error_event, garbage_event=GARBAGE_EVENT
        )

    @cached_property
    def account(self) -> "ServiceAccount":
        """The service account, made when it is first needed: a key takes a moment."""
        from echo_provider.service_account import ServiceAccount

        return ServiceAccount()

    def endpoint_at(self, request: Request) -> Endpoint | None:
        """The endpoint of a path; None for one that is not Vertex's."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return None
        _, _, publisher, model, method = found.groups()
        if publisher == "google" and method in _GEMINI_METHODS:
            inner = method_endpoint(self.dialect, model, method, request.query)
            return replace(inner, parse=partial(_with_roles, inner=inner))
        if publisher == "anthropic" and method in _CLAUDE_METHODS:
            parse = partial(_claude, model=model, streams=_CLAUDE_METHODS[method])
            return Endpoint(dialect=self._claude, parse=parse, faults=CLAUDE_FAULTS, model=model)
        return None

    def _authenticate(self, request: Request) -> None:
        if not self.account.knows(bearer(request)):
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token, "
            raise Refusal(401, f"{text}login cookie or other valid authentication credential.")


def token_uri(request: Request) -> str:
    """Where tokens are to be had, as the caller sees this server."""
    return f"http://{request.headers.get('host', '')}{TOKEN_PATH}"


def token_error(refusal: Refusal) -> dict[str, Any]:
    """The body of an error of OAuth's (RFC 6749)."""
    return {"error": refusal.code, "error_description": refusal.message}


def _with_roles(body: dict[str, Any], *, inner: Endpoint) -> Wanted:
    """Here every content has its role, which the Gemini API does not ask for."""
    for content in body.get("contents") or ():
        if isinstance(content, dict) and content.get("role") not in {"user", "model"}:
            raise Refusal(400, "Please use a valid role: user, model.", param="contents.role")
    return inner.parse(body)


def _claude(body: dict[str, Any], *, model: str, streams: bool) -> Wanted:
    if streams != (body.get("stream") is True):
        text = "streamRawPredict needs stream: true, rawPredict takes none"
        raise Refusal(400, f"echo: {text}", param="stream")
    ask = parse_claude(body, ANTHROPIC_VERSION, model.replace("@", "-"), extraneous=("model",))
    return planned(ask, anthropic_whole, anthropic_events)
