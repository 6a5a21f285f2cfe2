"""HTTP to providers: where each is, how it is asked, what its answers mean."""

from common.dialects.on_demand import OnDemand
from common.providers.base import ProviderProtocol


def _openai() -> ProviderProtocol:
    from common.providers.openai import OpenAI

    return OpenAI()


def _openai_compatible() -> ProviderProtocol:
    from common.providers.openai_compatible import OpenAICompatible

    return OpenAICompatible()


def _anthropic() -> ProviderProtocol:
    from common.providers.anthropic import Anthropic

    return Anthropic()


def _azure_openai() -> ProviderProtocol:
    from common.providers.azure_openai import AzureOpenAI

    return AzureOpenAI()


def _gemini() -> ProviderProtocol:
    from common.providers.gemini import Gemini

    return Gemini()


def _bedrock() -> ProviderProtocol:
    from common.providers.bedrock import Bedrock

    return Bedrock()


def _vertex() -> ProviderProtocol:
    from common.providers.vertex import Vertex

    return Vertex()


# By the account's provider; each is imported when an account of it is first asked.
PROVIDERS: OnDemand[ProviderProtocol] = OnDemand(
    {
        "openai": _openai,
        "openai_compatible": _openai_compatible,
        "anthropic": _anthropic,
        "vertex": _vertex,
        "bedrock": _bedrock,
        "gemini": _gemini,
        "azure_openai": _azure_openai,
    }
)
