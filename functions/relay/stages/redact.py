"""Redact: what a policy names is found in the request and replaced, and put back in its answer."""

from typing import Any

from functions.relay.open_request import OpenRequest
from functions.relay.services import Services


async def redact_request(services: Services, request: OpenRequest, policy: dict[str, Any]) -> None:
    """Replace `request.body` and `request.parsed` by what may leave. Raises `Refused`."""
    del services, request, policy
