"""The models on offer: their ids, and the dated id that answers for an alias."""

import re
from datetime import UTC, datetime
from typing import Any

ECHO = "echo"
# alias -> the version that answers for it. An id that is a version itself answers for itself.
_OPENAI: dict[str, str | None] = {
    ECHO: None,
    "gpt-6.2-sol": None,
    "gpt-6.2-astra": None,
    "gpt-6.1-sol": None,
    "gpt-6.1-terra": None,
    "gpt-6-sol": None,
    "gpt-6-luna": None,
    "gpt-6-astra": None,
    "gpt-5.6-sol": None,
    "gpt-5.6-terra": None,
    "gpt-5.6-luna": None,
    "gpt-5.5": "gpt-5.5-2026-04-23",
    "gpt-5.4": None,
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
    "gpt-5.2": "gpt-5.2-2025-12-11",
    "gpt-5.2-pro": "gpt-5.2-pro-2025-12-11",
    "gpt-5.1": "gpt-5.1-2025-11-13",
    "gpt-5.1-mini": None,
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-5-chat-latest": None,
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4o-2024-11-20": None,
    "chatgpt-4o-latest": None,
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4": "gpt-4-0613",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "o4-mini": "o4-mini-2025-04-16",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o1": "o1-2024-12-17",
}
# The models of other endpoints; a kind is what its models do.
_OPENAI_KINDS: dict[str, dict[str, str | None]] = {
    "completions": {
        "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct:20230824-v2",
        "davinci-002": None,
        "babbage-002": None,
    },
    "embeddings": {
        "text-embedding-3-small": None,
        "text-embedding-3-large": None,
        "text-embedding-ada-002": "text-embedding-ada-002-v2",
    },
    "moderations": {
        "omni-moderation-latest": "omni-moderation-2024-09-26",
        "text-moderation-latest": "text-moderation-007",
    },
    "images": {
        "gpt-image-1": None,
        "gpt-image-1-mini": None,
        "gpt-image-1.5": None,
        "gpt-image-2": "gpt-image-2-2026-04-21",
        "gpt-image-2.5-sunburst": "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2.5-flare": "gpt-image-2.5-flare-2026-09-08",
        "dall-e-3": None,
        "dall-e-2": None,
    },
    "speech": {
        "tts-1": None,
        "tts-1-hd": None,
        "gpt-4o-mini-tts": "gpt-4o-mini-tts-2025-12-15",
    },
    "transcriptions": {
        "gpt-4o-transcribe": None,
        "gpt-4o-mini-transcribe": "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-transcribe": None,
        "whisper-1": None,
    },
}
_ANTHROPIC: dict[str, str | None] = {
    ECHO: None,
    "claude-haiku-5-5": None,
    "claude-sonnet-5-5": None,
    "claude-opus-5-5": None,
    "claude-sonnet-5": None,
    "claude-opus-5": None,
    "claude-opus-4-8": None,
    "claude-opus-4-7": None,
    "claude-opus-4-6": None,
    "claude-sonnet-4-6": None,
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
    "claude-opus-4-0": "claude-opus-4-20250514",
    "claude-sonnet-4-0": "claude-sonnet-4-20250514",
    "claude-3-7-sonnet-latest": "claude-3-7-sonnet-20250219",
    "claude-3-5-sonnet-latest": "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
    "claude-3-opus-latest": "claude-3-opus-20240229",
    "claude-3-haiku-20240307": None,
}
# A model with `-preview` in its name answers with that name.
_GEMINI: dict[str, str | None] = {
    ECHO: None,
    "gemini-2.5-flash": None,
    "gemini-2.5-flash-lite": None,
    "gemini-2.5-pro": None,
    "gemini-3-flash": None,
    "gemini-3-flash-preview": None,
    "gemini-3-pro-preview": None,
    "gemini-3.1-flash-lite": None,
    "gemini-3.1-pro-preview": None,
    "gemini-3.5-flash": None,
    "gemini-embedding-001": None,
    "gemini-flash-latest": "gemini-3.5-flash",
}
_DATE = re.compile(r"-(20\d\d)-?(\d\d)-?(\d\d)$")
# For ids without a date in them.
_UNKNOWN = datetime(2025, 1, 1, tzinfo=UTC)
_LINES = ("haiku", "sonnet", "opus")
_PAGE_DEFAULT, _PAGE_MAX = 20, 1000


def _served(models: dict[str, str | None]) -> dict[str, str]:
    served = {alias: version or alias for alias, version in models.items()}
    return served | {version: version for version in models.values() if version is not None}


_KIND = {model: kind for kind, models in _OPENAI_KINDS.items() for model in _served(models)}
_OPENAI_SERVED = _served(
    _OPENAI | {name: one for models in _OPENAI_KINDS.values() for name, one in models.items()}
)
_ANTHROPIC_SERVED = _served(_ANTHROPIC)
_GEMINI_SERVED = _served(_GEMINI)


def openai_served(model: str) -> str | None:
    """The id that answers for this one; None for a model that OpenAI does not have."""
    return _OPENAI_SERVED.get(model)


def openai_kinds(model: str) -> frozenset[str]:
    """What a model of OpenAI's does: chat, completions, embeddings and so on; `echo` does all."""
    if model == ECHO:
        return frozenset({"chat", *_OPENAI_KINDS})
    return frozenset({_KIND.get(model, "chat")})


def anthropic_served(model: str) -> str | None:
    """The id that answers for this one; None for a model that Anthropic does not have."""
    return _ANTHROPIC_SERVED.get(model)


def gemini_served(model: str) -> str | None:
    """The id that answers for this one; None for a model that Google does not have."""
    return _GEMINI_SERVED.get(model)


def signs_calls(model: str) -> bool:
    """Whether a model of Google's signs its calls and wants the signatures back."""
    return model.startswith("gemini-3")


def gemini_model(model: str) -> dict[str, Any]:
    """Google's model object."""
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
        "thinking": True,
    }


def gemini_models() -> list[dict[str, Any]]:
    """Google's objects of all models."""
    return [gemini_model(model) for model in _GEMINI_SERVED]


def openai_model(model: str) -> dict[str, Any]:
    """OpenAI's model object. `created` is the date in the id, else 2025-01-01."""
    created = int(_released(_OPENAI_SERVED[model]).timestamp())
    return {"id": model, "object": "model", "created": created, "owned_by": "system"}


def openai_models() -> dict[str, Any]:
    """OpenAI's list of all models."""
    return {"object": "list", "data": [openai_model(model) for model in _OPENAI_SERVED]}


def anthropic_model(model: str) -> dict[str, Any]:
    """Anthropic's model object, of the version behind an alias."""
    served = _ANTHROPIC_SERVED[model]
    words = _DATE.sub("", served).split("-")
    return {
        "type": "model",
        "id": served,
        "display_name": " ".join(word.capitalize() for word in words),
        "created_at": _released(served).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deprecated_at": None,
        "retires_at": None,
        "lifecycle": "active",
        "line": next((line for line in _LINES if line in words), None),
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": None,
    }


def anthropic_models(limit: str | None, after: str | None, before: str | None) -> dict[str, Any]:
    """One page of Anthropic's list (versions, no aliases), by its `limit`, `after_id`, `before_id`.

    A `limit` outside of 1 to 1000 counts as the default, 20.
    """
    ids = list(dict.fromkeys(_ANTHROPIC_SERVED.values()))
    size = int(limit) if limit and limit.isdecimal() else _PAGE_DEFAULT
    size = size if 1 <= size <= _PAGE_MAX else _PAGE_DEFAULT
    start, end = 0, len(ids)
    if after in ids:
        start = ids.index(after) + 1
    page = ids[start : start + size]
    more = start + size < end
    if before in ids:
        end = ids.index(before)
        page = ids[max(0, end - size) : end]
        more = end - size > 0
    return {
        "data": [anthropic_model(model) for model in page],
        "has_more": more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _released(version: str) -> datetime:
    found = _DATE.search(version)
    if found is None:
        return _UNKNOWN
    year, month, day = (int(group) for group in found.groups())
    return datetime(year, month, day, tzinfo=UTC)
