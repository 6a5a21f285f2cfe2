"""Programs of others, unchanged, converse with relay and the echo provider; see README.md."""

import json
from pathlib import Path

import httpx
import pytest

from tests.clients.conftest import VENV

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not VENV, reason="RELAY_CLIENTS names no virtual environment"),
    pytest.mark.timeout(300),
]
CONVERSATIONS = Path(__file__).parent / "conversations"
CALL = 'call weather {"city": "Bern"}'
FUNCTION = """
def weather(city: str) -> str:
    "The weather of a city."
    return f"sunny in {city}"
"""


@pytest.mark.parametrize(
    ("script", "model"),
    [("langchain_openai_chat", "gpt-4o"), ("langchain_anthropic_messages", "claude-sonnet-4-5")],
)
def test_langchain(stack, key, run, program, script, model):
    path = CONVERSATIONS / f"{script}.py"
    printed = run(program("python"), str(path), stack.url, key, model)
    assert json.loads(printed) == {
        "whole": "hello my world",
        "tokens": 3,
        "stream": ["a", " b", " c"],
        "tool": "sunny in Bern",
        "structured": {"city": "Bern", "degrees": 20},
    }


def test_llama_index(stack, key, run, program):
    path = CONVERSATIONS / "llama_index_classes.py"
    printed = run(program("python"), str(path), stack.url, key)
    answered = {
        "whole": "hello my world",
        "stream": ["hello", " my", " world"],
        "tool": "sunny in Bern",
    }
    assert json.loads(printed) == [answered, answered]


def test_llm_speaks_openai(stack, key, run, program, tmp_path):
    model = {"model_id": "relayed", "model_name": "gpt-4o", "api_base": f"{stack.url}/v1"}
    settings = json.dumps([model | {"api_key_name": "relay", "supports_tools": True}])
    (tmp_path / "extra-openai-models.yaml").write_text(settings)
    (tmp_path / "keys.json").write_text(json.dumps({"relay": key}))
    command = (program("llm"), "-m", "relayed")
    home = {"LLM_USER_PATH": str(tmp_path)}
    assert run(*command, "hello my world", **home) == "hello my world\n"
    assert run(*command, "--no-stream", "hello my world", **home) == "hello my world\n"
    assert "sunny in Bern" in run(*command, "--functions", FUNCTION, CALL, **home)
    assert run(*command, "-c", "go on", **home) == "go on\n"


def test_llm_speaks_anthropic(stack, key, run, program, tmp_path):
    command = (program("llm"), "-m", "claude-sonnet-4.5")
    home = {
        "LLM_USER_PATH": str(tmp_path),
        "ANTHROPIC_BASE_URL": stack.url,
        "ANTHROPIC_API_KEY": key,
    }
    assert run(*command, "hello my world", **home) == "hello my world\n"
    assert "sunny in Bern" in run(*command, "--functions", FUNCTION, CALL, **home)


def account_at(stack, provider, model, served, path=""):
    """Have a model served by the echo provider as another provider."""
    url = f"{stack.processes['echo_provider']['url']}{path}"
    answer = httpx.post(
        f"{stack.url}/internal/accounts",
        headers={"authorization": f"Bearer {stack.master_key}"},
        json={
            "name": model,
            "provider": provider,
            "base_url": url,
            "region": "eu-central-1",
            "models": {model: served},
            "credential": {"api_key": "sk-of-the-clients"},
        },
        timeout=30,
    )
    answer.raise_for_status()
    return model


@pytest.mark.parametrize(
    ("provider", "served", "path"),
    [
        ("anthropic", "claude-sonnet-4-5", ""),
        ("openai", "gpt-4o", "/v1"),
        ("gemini", "gemini-3-flash-preview", ""),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
    ],
)
def test_a_coding_assistant(stack, key, run, program, provider, served, path):
    """Anthropic's own program runs a command that the model asks for, and tells what came of it."""
    model = account_at(stack, provider, f"claude-at-{provider}", served, path)
    printed = run(
        *(program("claude"), "-p", 'call Bash {"command": "echo sunny in $((6*7))"}'),
        *("--model", model, "--allowedTools", "Bash", "--output-format", "json"),
        ANTHROPIC_BASE_URL=stack.url,
        ANTHROPIC_API_KEY=key,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_TELEMETRY="1",
    )
    answer = json.loads(printed)
    assert not answer["is_error"]
    assert answer["num_turns"] == 2
    assert "sunny in 42" in answer["result"]
