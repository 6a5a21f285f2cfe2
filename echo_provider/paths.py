"""Which protocol a path belongs to, of those whose paths name a model or a deployment."""

from echo_provider import azure, bedrock, gemini
from echo_provider.connection import Request
from echo_provider.dialects import Dialect
from echo_provider.replies import Endpoint
from echo_provider.vertex import PREFIX, Vertex


class Paths:
    """Finds endpoints and dialects by their paths, given OpenAI's own endpoints."""

    def __init__(self, endpoints: dict[str, Endpoint], vertex: Vertex) -> None:
        self._finders = (
            gemini.endpoint_at,
            azure.finder(endpoints),
            bedrock.endpoint_at,
            vertex.endpoint_at,
        )
        self._prefixes = {
            "/v1beta/": gemini.GEMINI,
            "/openai/": azure.AZURE,
            "/model/": bedrock.BEDROCK,
            PREFIX: vertex.dialect,
        }

    def endpoint_at(self, request: Request) -> Endpoint | None:
        """The endpoint of a path that names a model; None where there is none."""
        for find in self._finders:
            if (endpoint := find(request)) is not None:
                return endpoint
        return None

    def dialect_at(self, path: str) -> Dialect | None:
        """Whose path it is, endpoint or not; None for OpenAI's and Anthropic's."""
        for prefix, dialect in self._prefixes.items():
            if path.startswith(prefix):
                return dialect
        return None
