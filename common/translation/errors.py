"""Errors of any provider, read for their words.

Sources: the API references of OpenAI, Anthropic and Gemini (`error.message`), of Bedrock
(`message`, of older services `Message`), Azure's gateway (`message`), Ollama (`error`), FastAPI,
which vLLM and its like are built on (`detail`).
"""

from typing import Any

from common.dialects.bodies import loads

MESSAGE_CHARACTERS_MAX = 4_000


def message_of(body: bytes) -> str | None:
    """What the error says; None for a body that is no provider's error."""
    value = loads(body)
    if isinstance(value, list) and len(value) == 1:  # Gemini, where a stream was asked for
        value = value[0]
    if not isinstance(value, dict):
        return None
    found = _message(value)
    return found[:MESSAGE_CHARACTERS_MAX] if found else None


def _message(value: dict[str, Any]) -> str | None:
    error = value.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    for said in (error, value.get("message"), value.get("Message"), value.get("detail")):
        if isinstance(said, str) and said:
            return said
    return None
