"""Pure rules of the console's account pages: maps as they are typed, why one is not asked."""

from datetime import UTC, datetime

import pytest

from common.domain.account_presets import PRESETS, preset_for
from common.domain.accounts import PROVIDER_NAMES
from common.domain.http_addresses import http_address
from functions.key_admin.account_trial import text_of
from functions.key_admin.console.forms import Input, members, pairs
from functions.key_admin.console.pages.accounts import hindrances

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIELDS = (Input("models", "names"), Input("extra_headers", "headers"))
SERVING = {
    "enabled": True,
    "schedulable": True,
    "expires_at": None,
    "use": [],
    "health": {"status": "ok", "circuit": "closed", "cause": None},
}


def test_models_are_typed_as_names_or_as_requested_and_served():
    typed = "gpt-5\r\ngpt-4o = my-deployment, a→eu.b-v1:0\r\n\r\nc => arn:x"
    found = members(FIELDS, {"models": typed})["models"]
    served = {"gpt-5": "gpt-5", "gpt-4o": "my-deployment", "a": "eu.b-v1:0", "c": "arn:x"}
    assert found == served
    shown = pairs("names", served)
    assert shown == "gpt-5\ngpt-4o = my-deployment\na = eu.b-v1:0\nc = arn:x"
    assert members(FIELDS, {"models": shown})["models"] == served
    assert members(FIELDS, {"models": " \n"}) == {}


def test_headers_are_typed_a_line_each_and_what_is_none_is_left_for_the_api():
    typed = "x-team: search, eu\r\nx-url: http://a:1\r\n"
    found = members(FIELDS, {"extra_headers": typed})["extra_headers"]
    assert found == {"x-team": "search, eu", "x-url": "http://a:1"}
    assert pairs("headers", found) == "x-team: search, eu\nx-url: http://a:1"
    wrong = members(FIELDS, {"extra_headers": "x-team search"})["extra_headers"]
    assert pairs("headers", wrong) == wrong == "x-team search"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"health": None, "use": None}, []),
        ({"enabled": False, "schedulable": False}, ["disabled", "drained"]),
        ({"expires_at": "2026-11-26T12:00:00.000Z"}, ["expired"]),
        ({"expires_at": "2026-11-26T12:00:00.001Z"}, []),
        ({"health": {"circuit": "open"}}, ["open"]),
        ({"health": {"circuit": "half_open"}}, ["half_open"]),
        ({"use": [{"policy": "deny", "remaining": "0.000000000000"}]}, ["used_up"]),
        ({"use": [{"policy": None, "remaining": 0}]}, ["used_up"]),
        ({"use": [{"policy": "soft", "remaining": "-1"}]}, []),
    ],
)
def test_why_an_account_is_not_asked(changes, reasons):
    assert hindrances(SERVING | changes, NOW) == reasons


def test_each_provider_has_a_preset_and_each_address_is_one():
    own = [preset.provider for preset in PRESETS if preset.name == preset.provider]
    assert own == list(PROVIDER_NAMES)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        for address in (preset.base_url, preset.example_url):
            assert not address or http_address(address) == address
        needs_address = preset.provider in ("azure_openai", "openai_compatible")
        assert bool(preset.base_url or preset.example_url) == needs_address


def test_an_account_is_known_by_its_address():
    assert preset_for("openai_compatible", "https://api.groq.com/openai/v1").name == "groq"
    assert preset_for("openai_compatible", "http://x/v1").name == "openai_compatible"
    assert preset_for("bedrock", "http://vpc").name == "bedrock"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"choices": [{"delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"delta": {"role": "assistant"}}]}, ""),
        ({"choices": []}, ""),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "b"}}, "b"),
        ({"candidates": [{"content": {"parts": [{"text": "c"}, {"x": 1}, {"text": "d"}]}}]}, "cd"),
        ({"contentBlockIndex": 0, "delta": {"text": "e"}}, "e"),
        ("[DONE]", ""),
    ],
)
def test_what_an_event_adds_to_the_answer(event, text):
    assert text_of(event) == text
