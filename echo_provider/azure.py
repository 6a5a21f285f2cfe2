"""Azure OpenAI: its paths, its credential, its dialect (learn.microsoft.com/azure/ai-services).

The classic paths name a deployment and need `api-version`; those of v1 name it as the model.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from echo_provider import openai_answers
from echo_provider.connection import Request
from echo_provider.dialects import Dialect, Headers, bearer
from echo_provider.events import Event, data_event
from echo_provider.faults import Faults
from echo_provider.models import openai_served
from echo_provider.refusals import Refusal, encoded, openai_error
from echo_provider.replies import Endpoint, Reply, Wanted

_CLASSIC = re.compile(r"/openai/deployments/([^/]+)(/.+)")
_V1 = re.compile(r"/openai(/v1/.+)")
# Of the classic paths the one where the body names the deployment.
_RESPONSES = "/openai/responses"
_VERSION = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
_V1_VERSIONS = ("v1", "preview", "latest")
_FILTERS = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}


def _authenticate(request: Request) -> None:
    """Raises `Refusal` (401) without a key or a token."""
    if not request.headers.get("api-key") and not bearer(request):
        text = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
        text += "provide a valid key for an active subscription and use a correct regional API "
        raise Refusal(401, f"{text}endpoint for your resource.", code="401")


def _error(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """What the model refuses is OpenAI's; what Azure itself refuses has a code alone."""
    if refusal.status == 400:
        return encoded(openai_error(refusal))
    code = refusal.code or str(refusal.status)
    return encoded({"error": {"code": code, "message": refusal.message}})


def _headers(request_id: str, milliseconds: float) -> Headers:  # noqa: ARG001
    return [
        ("apim-request-id", request_id),
        ("x-ms-region", "Echo Central"),
        ("x-ratelimit-remaining-requests", "999"),
        ("x-ratelimit-remaining-tokens", "99999"),
    ]


AZURE = Dialect(
    name="azure_openai",
    error=_error,
    error_event=openai_answers.openai_error_event,
    garbage_event=openai_answers.GARBAGE_EVENT,
    headers=_headers,
    authenticate=_authenticate,
    bad_json="We could not parse the JSON body of your request.",
    unknown_url="Resource not found",
    failure=Refusal(500, "The server had an error while processing your request. Sorry!"),
)


def finder(endpoints: dict[str, Endpoint]) -> Callable[[Request], Endpoint | None]:
    """A way to find Azure's endpoint of a path, given OpenAI's own by their paths."""

    def endpoint_at(request: Request) -> Endpoint | None:
        version = (parse_qs(request.query).get("api-version") or [""])[-1]
        if found := _CLASSIC.fullmatch(request.path):
            return _endpoint(endpoints, f"/v1{found[2]}", version, found[1])
        if request.path == _RESPONSES:
            return _endpoint(endpoints, "/v1/responses", version)
        if (found := _V1.fullmatch(request.path)) is None:
            return None
        return _endpoint(endpoints, found[1], version, classic=False)

    return endpoint_at


def _endpoint(
    endpoints: dict[str, Endpoint],
    path: str,
    version: str,
    deployment: str = "",
    *,
    classic: bool = True,
) -> Endpoint | None:
    inner = endpoints.get(path)
    if inner is None or path.startswith("/v1/messages"):
        return None

    def parse(body: dict[str, Any]) -> Wanted:
        if not (_VERSION.fullmatch(version) if classic else version in {"", *_V1_VERSIONS}):
            what = "Resource not found" if not version else "API version not supported"
            raise Refusal(400 if version else 404, what)
        model = deployment or body.get("model")
        if not isinstance(model, str) or openai_served(model) is None:
            text = "The API deployment for this resource does not exist. If you created the "
            text += "deployment within the last 5 minutes, please wait a moment and try again."
            raise Refusal(404, text, code="DeploymentNotFound")
        wanted = inner.parse({**body, "model": model})
        return _filtered(wanted) if path == "/v1/chat/completions" else wanted

    return replace(inner, dialect=AZURE, parse=parse, model=deployment)


def _filtered(wanted: Wanted) -> Wanted:
    """The same, with Azure's first event: no choices, but what filters say of the prompt."""

    def reply(faults: Faults, text: str) -> Reply:
        inner = wanted.reply(faults, text)
        if inner.pieces is None:
            return inner
        make = inner.pieces.make
        return replace(inner, pieces=replace(inner.pieces, make=lambda: _with_filters(make())))

    return replace(wanted, reply=reply)


def _with_filters(events: Iterator[Event]) -> Iterator[Event]:
    results = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    yield Event(data_event(encoded(first | {"prompt_filter_results": results})))
    yield from events
