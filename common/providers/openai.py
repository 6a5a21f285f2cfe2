"""OpenAI and servers that speak its protocol.

Source: https://platform.openai.com/docs/api-reference/authentication.
"""

from common.providers.base import Headers


class OpenAI:
    """The base URL ends in the version, as the official SDK has it: `https://…/v1`."""

    name = "openai"

    def url(self, base_url: str, endpoint_path: str) -> str:
        """The path's own `/v1` is the base URL's."""
        return base_url + endpoint_path.removeprefix("/v1")

    def credential_headers(self, api_key: str) -> Headers:
        """A bearer token (RFC 6750)."""
        return [("authorization", f"Bearer {api_key}")]
