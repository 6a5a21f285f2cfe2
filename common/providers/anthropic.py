"""Anthropic. Source: https://docs.anthropic.com/en/api/overview."""

from common.providers.base import Headers

# Required by the API; a caller that sends its own version keeps it.
DEFAULT_VERSION = "2023-06-01"


class Anthropic:
    """The base URL has no version, as the official SDK has it: `https://api.anthropic.com`."""

    name = "anthropic"

    def url(self, base_url: str, endpoint_path: str) -> str:
        """The path as it is, below the base URL."""
        return base_url + endpoint_path

    def credential_headers(self, api_key: str) -> Headers:
        """The API's own header."""
        return [("x-api-key", api_key)]
