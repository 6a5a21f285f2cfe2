"""Prices of the operator's: relay charges by them, and its records name the file."""

import json

import pytest

from common.price_book import current_price_book
from tests.support.relay_process import CHAT, MODELS, RelayProcess, ask

NAME = "prices-2026-12.json"
ENTRY = {
    "input": "1000",
    "output": "0",
    "cache_read": "1000",
    "cache_write_5m": "1000",
    "cache_write_1h": "1000",
    "context_window": 128_000,
    "max_output_tokens": 4_096,
    "source": "contract",
}


@pytest.fixture
def start(tmp_path, running_redis, running_echo):
    begun = []

    def begin(entry):
        book = {"version": "2026-12", "providers": {"openai": {MODELS["openai"]: entry}}}
        (tmp_path / NAME).write_text(json.dumps(book))
        environment = {"RELAY_PRICE_BOOK_DIRECTORY": str(tmp_path)}
        process = RelayProcess(tmp_path, running_redis, running_echo.url, **environment)
        begun.append(process)
        process.__enter__()
        process.reset()
        return process

    yield begin
    for process in begun:
        process.__exit__()


def test_a_request_costs_what_the_file_says(start):
    relay = start(ENTRY)
    assert relay.client.post(CHAT, json=ask("openai")).status_code == 200
    record = relay.only_record()
    assert float(record.cost_usd) == pytest.approx(record.tokens.input / 1000)
    assert record.price_version.startswith(f"{current_price_book().version}+{NAME}@")


def test_with_a_broken_file_relay_starts_and_charges_by_its_own_book(start):
    relay = start(ENTRY | {"input": "cheap"})
    assert relay.client.post(CHAT, json=ask("openai")).status_code == 200
    assert relay.only_record().price_version == current_price_book().version
    [line] = relay.log_lines("price_book_refused")
    assert line["level"] == "error"
    assert line["file"].endswith(NAME)
    assert f"{MODELS['openai']}: input" in line["error"]
