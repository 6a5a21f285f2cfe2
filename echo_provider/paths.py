"""Which protocol a path belongs to, of those whose paths name a model."""

from echo_provider import gemini
from echo_provider.connection import Request
from echo_provider.dialects import Dialect
from echo_provider.replies import Endpoint

_FINDERS = (gemini.endpoint_at,)
_PREFIXES = {"/v1beta/": gemini.GEMINI}


def endpoint_at(request: Request) -> Endpoint | None:
    """The endpoint of a path that names a model; None where there is none."""
    for find in _FINDERS:
        if (endpoint := find(request)) is not None:
            return endpoint
    return None


def dialect_at(path: str) -> Dialect | None:
    """Whose path it is, endpoint or not; None for OpenAI's and Anthropic's."""
    for prefix, dialect in _PREFIXES.items():
        if path.startswith(prefix):
            return dialect
    return None
