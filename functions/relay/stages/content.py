"""Content: what the rules of key, team and organisation make of a request, before `admit`."""

from functions.relay.open_request import OpenRequest
from functions.relay.services import Services


async def check(services: Services, request: OpenRequest) -> None:
    """Follow the rules that `rules_of` gives. Raises `Refused`."""
