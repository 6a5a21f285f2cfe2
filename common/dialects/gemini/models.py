"""GET /v1beta/models as Google answers it, with its pages.

Source: https://ai.google.dev/api/models.
"""

import re
from typing import Any
from urllib.parse import parse_qs

import msgspec

from common.dialects.base import BadRequest

PAGE_DEFAULT = 50
PAGE_MAX = 1000
_GENERATING = ["generateContent", "countTokens"]
_EMBEDDING = ["embedContent", "batchEmbedContents"]


def models_response(models: list[str], query: str) -> bytes:
    """One page by `pageSize` and `pageToken`. Raises `BadRequest`."""
    values = {name: entries[-1] for name, entries in parse_qs(query).items()}
    size, start = _size(values.get("pageSize")), 0
    if (token := values.get("pageToken")) is not None:
        if token not in models:
            raise BadRequest("pageToken: this list has no such page", "pageToken")
        start = models.index(token)
    page = models[start : start + size]
    listed: dict[str, Any] = {"models": [_model(model) for model in page]}
    if start + size < len(models):
        listed["nextPageToken"] = models[start + size]
    return msgspec.json.encode(listed)


def model_response(model: str) -> bytes:
    """One model."""
    return msgspec.json.encode(_model(model))


def _size(text: str | None) -> int:
    """The size of a page; Google lowers what is too large, and takes 0 for its default."""
    if text is None:
        return PAGE_DEFAULT
    if re.fullmatch(r"[0-9]{1,8}", text) is None:
        raise BadRequest("pageSize: give a whole number", "pageSize")
    return min(int(text), PAGE_MAX) or PAGE_DEFAULT


def _model(model: str) -> dict[str, Any]:
    """What clients list models by; whether one embeds, only its name tells here."""
    return {
        "name": f"models/{model}",
        "displayName": model,
        "supportedGenerationMethods": _EMBEDDING if "embed" in model.lower() else _GENERATING,
    }
