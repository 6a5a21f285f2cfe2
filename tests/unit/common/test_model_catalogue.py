"""What is known of models, by Relay and by the operator."""

import ast
import importlib.util
import re
from datetime import UTC, date, datetime
from pathlib import Path

from common.domain.routing_table import ModelEntry
from common.model_catalogue import entry_of, shipped
from common.price_book import current_price_book


def test_every_model_of_the_catalogue_has_a_price_and_sound_figures():
    prices = current_price_book()
    for name, entry in shipped().items():
        assert prices.find(name) is not None, name
        assert entry.context_window is not None
        assert entry.max_output_tokens is not None
        assert 0 < entry.max_output_tokens <= entry.context_window
        if entry.deprecated_on is not None:
            date.fromisoformat(entry.deprecated_on)
            assert entry.successor is not None
            assert prices.find(entry.successor) is not None
            successor = entry_of({}, entry.successor)
            assert successor is None or successor.deprecated_on is None


def test_ends_are_those_that_the_providers_own_sdk_warns_of():
    package = importlib.util.find_spec("anthropic").origin
    text = (Path(package).parent / "resources/messages/messages.py").read_text()
    warned = ast.literal_eval(re.search(r"DEPRECATED_MODELS = (\{.*?\})", text, re.DOTALL)[1])
    compared = 0
    for model, end in warned.items():
        entry = entry_of({}, model)
        if entry is not None:
            plain = re.sub(r"(\d)(st|nd|rd|th)", r"\1", end)
            day = datetime.strptime(plain, "%B %d, %Y").replace(tzinfo=UTC).date()
            assert entry.deprecated_on == day.isoformat(), model
            compared += 1
    assert compared >= 8


def test_a_dated_version_is_of_its_family_and_the_operators_entry_wins():
    assert entry_of({}, "gpt-4o-mini-2024-07-18") == shipped()["gpt-4o-mini"]
    assert entry_of({}, "claude-3-7-sonnet-20250219") == shipped()["claude-3-7-sonnet-latest"]
    assert entry_of({}, "gpt-4o-2024-05-13") == shipped()["gpt-4o-2024-05-13"]
    assert entry_of({}, "nobody-knows-it") is None
    own = {"gpt-4o-mini": ModelEntry(context_window=1)}
    assert entry_of(own, "gpt-4o-mini-2024-07-18") == own["gpt-4o-mini"]
