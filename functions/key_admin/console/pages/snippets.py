"""What a new key is pasted into: programs that work as they stand."""

from functions.key_admin.console.view import View

OPENAI_MODEL = "gpt-5-mini"
ANTHROPIC_MODEL = "claude-haiku-4-5"


def snippets(view: View, secret: str) -> list[tuple[str, str]]:
    """Each with its name."""
    address = origin(view)
    return [
        ("curl", _CURL.format(address=address, key=secret, model=OPENAI_MODEL)),
        ("OpenAI SDK", _OPENAI.format(address=address, key=secret, model=OPENAI_MODEL)),
        ("Anthropic SDK", _ANTHROPIC.format(address=address, key=secret, model=ANTHROPIC_MODEL)),
        ("Claude Code", _CLAUDE_CODE.format(address=address, key=secret)),
        ("Codex CLI", _CODEX.format(address=address, key=secret)),
        ("aider", _AIDER.format(address=address, key=secret, model=OPENAI_MODEL)),
    ]


def origin(view: View) -> str:
    """The address that the person has Relay at."""
    headers = view.request.headers
    scheme = headers.get("x-forwarded-proto", view.request.url.scheme)
    scheme = scheme if scheme in ("http", "https") else "https"
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    return f"{scheme}://{host}"


_CURL = """\
curl {address}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""
_OPENAI = """\
from openai import OpenAI

client = OpenAI(base_url="{address}/v1", api_key="{key}")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""
_ANTHROPIC = """\
from anthropic import Anthropic

client = Anthropic(base_url="{address}", api_key="{key}")
answer = client.messages.create(
    model="{model}",
    max_tokens=256,
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.content[0].text)"""
_CLAUDE_CODE = """\
export ANTHROPIC_BASE_URL="{address}"
export ANTHROPIC_AUTH_TOKEN="{key}"
claude"""
_CODEX = """\
# ~/.codex/config.toml
model_provider = "relay"

[model_providers.relay]
name = "Relay"
base_url = "{address}/v1"
env_key = "CODEX_RELAY_KEY"
wire_api = "responses"

# then, in a terminal
export CODEX_RELAY_KEY="{key}"
codex"""
_AIDER = """\
export OPENAI_API_BASE="{address}/v1"
export OPENAI_API_KEY="{key}"
aider --model openai/{model}"""
