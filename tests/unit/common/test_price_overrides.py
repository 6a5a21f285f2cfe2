"""An operator's prices: they win, records name their file, a broken one stops nothing."""

import json
from pathlib import Path

import pytest

from common import price_book
from common.domain.usage import Tokens
from tests.support.costs import cost_pico

BUILT_IN = price_book.current_price_book()
ENTRY = {
    "input": "7",
    "output": "9",
    "cache_read": "0.7",
    "cache_write_5m": "7",
    "cache_write_1h": "7",
    "context_window": 1000,
    "max_output_tokens": 100,
    "source": "contract",
}
NAME = "prices-2026-12.json"


def write(directory, models, name=NAME, provider="openai", version="2026-12"):
    book = {"version": version, "providers": {provider: models}}
    (directory / name).write_text(json.dumps(book))
    return directory


@pytest.fixture
def logged(capfd):
    """The lines written since."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_operators_price_wins_and_the_rest_stays(tmp_path, logged):
    write(tmp_path, {"gpt-4o": ENTRY, "house-model": ENTRY | {"aliases": ["house"]}})
    book = price_book.overridden_price_book(str(tmp_path))
    assert cost_pico(book.find("gpt-4o"), Tokens(input=1, output=1)) == 16_000_000
    assert book.find("gpt-4o-2026-01-01") is book.find("gpt-4o")
    assert book.find("house").context_window == 1000
    # A dated version with a price of its own keeps it.
    assert book.find("gpt-4o-2024-05-13") == BUILT_IN.find("gpt-4o-2024-05-13")
    assert book.find("claude-haiku-4-5") is BUILT_IN.find("claude-haiku-4-5")
    assert book.models("openai") == sorted([*BUILT_IN.models("openai"), "house-model"])
    [line] = logged()
    assert (line["event"], line["version"]) == ("price_book_overridden", book.version)


def test_the_version_names_the_file_and_what_was_in_it(tmp_path):
    write(tmp_path, {"house-model": ENTRY})
    first = price_book.overridden_price_book(str(tmp_path)).version
    head, _, digest = first.partition("@")
    assert head == f"{BUILT_IN.version}+{NAME}"
    assert len(digest) == 12
    assert price_book.overridden_price_book(str(tmp_path)).version == first
    write(tmp_path, {"house-model": ENTRY | {"input": "8"}})
    assert price_book.overridden_price_book(str(tmp_path)).version not in (first, BUILT_IN.version)


def test_of_several_files_the_last_by_name_is_used(tmp_path):
    for month, price in (("2026-12", "1"), ("2027-02", "3"), ("2027-01", "2")):
        write(tmp_path, {"house-model": ENTRY | {"input": price}}, name=f"prices-{month}.json")
    (tmp_path / "zones.json").write_text("not ours")
    book = price_book.overridden_price_book(str(tmp_path))
    assert book.find("house-model").input == 3_000_000


def test_without_a_directory_or_a_file_the_built_in_book_holds(tmp_path, logged):
    assert price_book.overridden_price_book("") is BUILT_IN
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    assert logged() == []


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"gpt-4o": ENTRY | {"input": "cheap"}}, ("gpt-4o", "input", "cheap")),
        ({"gpt-4o": ENTRY | {"output": "-1"}}, ("gpt-4o", "output", "-1")),
        ({"gpt-4o": {**ENTRY, "imput": "1"}}, ("gpt-4o", "imput")),
        ({"house": {"input": "1"}}, ("house", "output")),
        ({"house": ENTRY | {"context_window": 0}}, ("house", "context_window")),
    ],
)
def test_a_broken_file_is_named_with_model_and_field(tmp_path, logged, models, said):
    write(tmp_path, {"fine": ENTRY} | models)
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    [line] = logged()
    assert (line["event"], line["level"]) == ("price_book_refused", "error")
    assert line["file"] == str(tmp_path / NAME)
    assert all(word in line["error"] for word in said), line["error"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": "", "providers": {}}',
        b'{"version": "\xff"}',
        b'{"version": "1", "providers": {"openai": {"m": ' + b"[" * 100_000,
    ],
    ids=["empty", "cut", "list", "no version", "no utf-8", "deep"],
)
def test_what_is_no_price_book(tmp_path, logged, content):
    (tmp_path / NAME).write_bytes(content)
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    assert logged()[0]["event"] == "price_book_refused"


def test_a_file_that_cannot_be_read_has_an_odd_name_or_is_too_large(tmp_path, logged, monkeypatch):
    (tmp_path / NAME).mkdir()
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    write(tmp_path, {"house": ENTRY}, name="prices_of us.json")
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    write(tmp_path, {"house": ENTRY}, name="prices-x.json")
    (tmp_path / "prices_of us.json").rename(tmp_path / "no-prices.json")
    monkeypatch.setattr(price_book, "OVERRIDE_BYTES_MAX", 10)
    assert price_book.overridden_price_book(str(tmp_path)) is BUILT_IN
    assert price_book.overridden_price_book(str(tmp_path / "nowhere")) is BUILT_IN
    errors = [line["error"] for line in logged()]
    for error, said in zip(errors, ("directory", "name", "10 bytes", "No such"), strict=True):
        assert said in error


def test_the_documented_file_is_taken(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    section = text.partition("\n## Prices of your own\n")[2]
    (tmp_path / NAME).write_text(section.partition("```json\n")[2].partition("```")[0])
    book = price_book.overridden_price_book(str(tmp_path))
    assert book.find("house").output == 200_000
    assert cost_pico(book.find("gpt-4o"), Tokens(input=1)) == 2_000_000
