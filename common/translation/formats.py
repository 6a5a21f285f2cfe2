"""The wire formats by name, each imported at its first use."""

from collections.abc import Callable
from importlib import import_module

from common.dialects.on_demand import OnDemand
from common.translation.base import Format

_MODULES = {
    "openai.chat": "openai_chat",
    "openai.responses": "openai_responses",
    "anthropic.messages": "anthropic",
    "gemini.generate": "gemini",
    "bedrock.converse": "converse",
}
# In which format a caller speaks to an endpoint, by the endpoint's name in the ledger.
FORMAT_OF_ENDPOINT = {
    "chat.completions": "openai.chat",
    "responses": "openai.responses",
    "messages": "anthropic.messages",
    "gemini.generate": "gemini.generate",
    "gemini.stream": "gemini.generate",
}
# The operation that reads and meters what a provider answers in a format.
OPERATION_OF_FORMAT = {
    "openai.chat": "chat.completions",
    "openai.responses": "responses",
    "anthropic.messages": "messages",
    "gemini.generate": "gemini.generate",
    "bedrock.converse": "bedrock.converse",
}


def _maker(module: str) -> Callable[[], Format]:
    def made() -> Format:
        made: Format = import_module(f"common.translation.{module}").FORMAT
        return made

    return made


FORMATS: OnDemand[Format] = OnDemand({name: _maker(module) for name, module in _MODULES.items()})
