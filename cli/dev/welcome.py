"""What the terminal shows when the stack is ready: commands that work when pasted."""

import shlex
from pathlib import Path

from cli.dev.options import NO_KEY

_READ_KEY = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"key\"])'"
_OPENAI_MODEL = "gpt-5-mini"
_ANTHROPIC_MODEL = "claude-haiku-4-5"


def welcome(*, port: int, state: Path, master_key_is_ours: bool, providers: dict[str, str]) -> str:
    """The block of text. `providers` are the variables of the real providers, empty for echo."""
    address = f"http://127.0.0.1:{port}"
    file = state / "master-key"
    if master_key_is_ours:
        master_key, where = f'"$(cat {shlex.quote(str(file))})"', f"in {file}"
    else:
        master_key, where = '"$PROXY_MASTER_KEY"', "the PROXY_MASTER_KEY you set"
    create = (
        f"MASTER_KEY={master_key}\n"
        f"KEY=$(curl -sS -X POST {address}/internal/api-keys"
        ' -H "Authorization: Bearer $MASTER_KEY" \\\n'
        """  -H 'Content-Type: application/json' -d '{"name":"first","user_id":"me"}' \\\n"""
        f"  | {_READ_KEY})"
    )
    return "\n".join(
        (
            "",
            f"Relay is ready on {address} (Ctrl-C stops it); the master key is {where}.",
            f"The console is {address}/admin: sign in with the master key.",
            f"Answers come from {_source(providers)}. Logs: {state / 'logs'}",
            "",
            "# a key, then a chat with it:",
            create,
            _chat(address, providers),
            "",
        )
    )


def _source(providers: dict[str, str]) -> str:
    if not providers:
        return "the bundled echo provider; set OPENAI_API_KEY or ANTHROPIC_API_KEY for real ones"
    names = (("OPENAI", "OpenAI"), ("ANTHROPIC", "Anthropic"))
    found = [
        _provider(name, text, providers) for name, text in names if f"{name}_API_KEY" in providers
    ]
    return " and ".join(found).removesuffix(",")


def _provider(name: str, text: str, providers: dict[str, str]) -> str:
    if providers[f"{name}_API_KEY"] != NO_KEY:
        return text
    where = providers.get(f"{name}_BASE_URL", text)
    return f"{where}, which gets no key (set {name}_API_KEY if it wants one),"


def _chat(address: str, providers: dict[str, str]) -> str:
    content = """"messages":[{"role":"user","content":"Hello"}]}'"""
    if providers and "OPENAI_API_KEY" not in providers:
        return (
            f'curl {address}/v1/messages -H "x-api-key: $KEY" -H "anthropic-version: 2023-06-01"'
            " \\\n  -H 'Content-Type: application/json' \\\n"
            f"""  -d '{{"model":"{_ANTHROPIC_MODEL}","max_tokens":256,{content}"""
        )
    return (
        f'curl {address}/v1/chat/completions -H "Authorization: Bearer $KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"model":"{_OPENAI_MODEL}",{content}"""
    )
