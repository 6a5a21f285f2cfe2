"""GET /v1/models as OpenAI answers it."""

from typing import Any

import msgspec

# Relay does not know when a provider made a model; the member is required by the SDK's type.
_CREATED = 0


def models_response(models: list[str]) -> bytes:
    """The list; OpenAI's has no pages."""
    return msgspec.json.encode({"object": "list", "data": [_model(model) for model in models]})


def model_response(model: str) -> bytes:
    """One model."""
    return msgspec.json.encode(_model(model))


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": _CREATED, "owned_by": "relay"}
