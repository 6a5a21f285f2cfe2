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


# By the account's provider; each is imported when an account of it is first asked.
PROVIDERS: OnDemand[ProviderProtocol] = OnDemand(
    {
        "openai": _openai,
        "openai_compatible": _openai_compatible,
        "anthropic": _anthropic,
    }
)
