"""HTTP to providers: where each is, how it is asked, what its answers mean."""

from common.providers.anthropic import Anthropic
from common.providers.base import ProviderProtocol
from common.providers.openai import OpenAI

PROVIDERS: dict[str, ProviderProtocol] = {
    "openai": OpenAI(),
    "openai_compatible": OpenAI(),
    "anthropic": Anthropic(),
}
