"""What is known of models: `model_catalogue.json`, and what an operator says in its place."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from common.domain.routing_table import ModelEntry

FILE = Path(__file__).with_name("model_catalogue.json")
# A dated version is what its family's name stands for.
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|20\d{6})$")


class _Catalogue(msgspec.Struct):
    models: dict[str, ModelEntry]


@functools.cache
def shipped() -> dict[str, ModelEntry]:
    """What Relay knows of models by itself, read once."""
    return msgspec.json.decode(FILE.read_bytes(), type=_Catalogue).models


def entry_of(own: Mapping[str, ModelEntry], model: str) -> ModelEntry | None:
    """What is known of a model; `own` are the operator's entries, which win whole."""
    for known in (own, shipped()):
        if model in known:
            return known[model]
    family = _DATED.sub("", model)
    return None if family == model else entry_of(own, family) or entry_of(own, f"{family}-latest")
