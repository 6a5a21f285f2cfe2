"""GET /v1/models as Anthropic answers it, with its pages.

Source: https://docs.anthropic.com/en/api/models-list.
"""

import re
from typing import Any
from urllib.parse import parse_qs

import msgspec

from common.dialects.base import BadRequest

PAGE_DEFAULT = 20
PAGE_MAX = 1000
# Relay does not know when a provider released a model; Anthropic writes the epoch for that.
_CREATED = "1970-01-01T00:00:00Z"


def models_response(models: list[str], query: str) -> bytes:
    """One page by `limit`, `after_id`, `before_id`. Raises `BadRequest`."""
    values = {name: entries[-1] for name, entries in parse_qs(query).items()}
    limit = _limit(values.get("limit"))
    start, end = 0, len(models)
    if (after := values.get("after_id")) is not None:
        start = _position(models, after, "after_id") + 1
    if (before := values.get("before_id")) is not None:
        end = _position(models, before, "before_id")
    if "before_id" in values and "after_id" not in values:
        page, more = models[max(start, end - limit) : end], end - limit > start
    else:
        page, more = models[start : min(end, start + limit)], start + limit < end
    listed = {
        "data": [_model(model) for model in page],
        "has_more": more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }
    return msgspec.json.encode(listed)


def model_response(model: str) -> bytes:
    """One model."""
    return msgspec.json.encode(_model(model))


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE_DEFAULT
    if re.fullmatch(r"[0-9]{1,8}", text) is None or not 1 <= int(text) <= PAGE_MAX:
        raise BadRequest(f"limit: give a whole number from 1 to {PAGE_MAX}", "limit")
    return int(text)


def _position(models: list[str], model: str, field: str) -> int:
    try:
        return models.index(model)
    except ValueError:
        raise BadRequest(f"{field}: {model!r} is no model of this list", field) from None


def _model(model: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model,
        "display_name": model,
        "created_at": _CREATED,
        "lifecycle": "active",  # what no account serves is not listed
    }
