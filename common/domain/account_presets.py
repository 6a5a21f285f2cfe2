"""Where providers and well-known compatible servers are, and what their accounts need. Pure.

What a form or a command line begins with; nothing looks at it once an account is made. Addresses
and quirks are those of each one's own documentation (docs/providers.md says what quirks do).
"""

import msgspec

from common.domain.accounts import Provider, Quirk


class Preset(msgspec.Struct, frozen=True):
    """One kind of account. `base_url` is empty where it is the provider's own, or only its user's.

    `example_url` is what one looks like, where it must be given. `credential_url` is the page where
    a credential is made, `key_begins` how its keys begin. `model` is one that it serves.
    """

    name: str
    label: str
    provider: Provider
    credential_url: str = ""
    key_begins: str = ""
    base_url: str = ""
    example_url: str = ""
    model: str = ""
    region: str = ""
    quirks: tuple[Quirk, ...] = ()


_COMPATIBLE: Provider = "openai_compatible"
PRESETS = (
    Preset("openai", "OpenAI", "openai", "https://platform.openai.com/api-keys", "sk-",
           model="gpt-5-mini"),
    Preset("anthropic", "Anthropic", "anthropic", "https://console.anthropic.com/settings/keys",
           "sk-ant-", model="claude-sonnet-4-5"),
    Preset("azure_openai", "Azure OpenAI", "azure_openai", "https://ai.azure.com",
           example_url="https://my-resource.openai.azure.com", model="gpt-4o=my-deployment"),
    Preset("gemini", "Google Gemini", "gemini", "https://aistudio.google.com/apikey", "AIza",
           model="gemini-2.5-flash"),
    Preset("bedrock", "AWS Bedrock", "bedrock",
           "https://console.aws.amazon.com/bedrock/home#/api-keys",
           model="claude-sonnet-4-5=eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
           region="eu-west-1"),
    Preset("vertex", "Google Vertex AI", "vertex",
           "https://console.cloud.google.com/iam-admin/serviceaccounts",
           model="claude-*", region="global"),
    Preset("groq", "Groq", _COMPATIBLE, "https://console.groq.com/keys", "gsk_",
           "https://api.groq.com/openai/v1", model="llama-3.3-70b-versatile",
           quirks=("responses",)),
    Preset("mistral", "Mistral", _COMPATIBLE, "https://console.mistral.ai/api-keys", "",
           "https://api.mistral.ai/v1", model="mistral-large-latest",
           quirks=("max_tokens", "no_stream_options", "no_developer_role")),
    Preset("deepseek", "DeepSeek", _COMPATIBLE, "https://platform.deepseek.com/api_keys", "sk-",
           "https://api.deepseek.com/v1", model="deepseek-chat",
           quirks=("max_tokens", "no_developer_role")),
    Preset("openrouter", "OpenRouter", _COMPATIBLE, "https://openrouter.ai/settings/keys",
           "sk-or-", "https://openrouter.ai/api/v1", model="meta-llama/llama-3.3-70b-instruct",
           quirks=("responses",)),
    Preset("vllm", "vLLM", _COMPATIBLE, example_url="http://vllm:8000/v1",
           model="meta-llama/Llama-3.3-70B-Instruct",
           quirks=("no_auth", "no_developer_role", "responses")),
    Preset("ollama", "Ollama", _COMPATIBLE, example_url="http://ollama:11434/v1",
           model="llama3.3",
           quirks=("no_auth", "max_tokens", "no_developer_role", "responses")),
    Preset("openai_compatible", "OpenAI-compatible", _COMPATIBLE,
           example_url="https://llm.example.com/v1", model="my-model"),
)  # fmt: skip
_BY_NAME = {preset.name: preset for preset in PRESETS}


def preset_named(name: str) -> Preset | None:
    """The one of that name."""
    return _BY_NAME.get(name)


def preset_for(provider: str, base_url: str) -> Preset:
    """The one that an account was made by, as far as its address says; else its provider's."""
    for preset in PRESETS:
        if preset.provider == provider and preset.base_url and preset.base_url == base_url:
            return preset
    return _BY_NAME[provider]
