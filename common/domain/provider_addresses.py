"""Where providers are, unless an account says otherwise. Pure."""

_FIXED = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
# Vertex AI's multi-regions have names of their own (cloud.google.com/vertex-ai/docs/general/
# locations).
_VERTEX_MULTI_REGIONS = ("eu", "us")


def default_base_url(provider: str, region: str) -> str | None:
    """The provider's own address, by region where it has several; None where there is none.

    Azure gives each resource an address of its own, and compatible servers are anywhere.
    """
    if provider == "bedrock" and region:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://bedrock-runtime.{region}.{domain}"
    if provider == "vertex":
        if region in ("", "global"):
            return "https://aiplatform.googleapis.com"
        if region in _VERTEX_MULTI_REGIONS:
            return f"https://aiplatform.{region}.rep.googleapis.com"
        return f"https://{region}-aiplatform.googleapis.com"
    return _FIXED.get(provider)
