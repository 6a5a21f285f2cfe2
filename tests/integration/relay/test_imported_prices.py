"""Prices that change while relay runs: the next request has them, without a restart."""

import itertools
import time

import msgspec
import pytest

from common.domain.policies import Budget, Policy
from common.price_book import current_price_book
from common.state.projection import put_prices
from tests.support.relay_process import (
    CHAT,
    MODELS,
    PREFIX,
    RelayProcess,
    _with_commands,
    ask,
    run,
    stored_account,
)

UNKNOWN = "gpt-6.2-astra"  # the echo provider has it, the price book has not
DAY_MS = 24 * 3600 * 1000
VERSIONS = itertools.count(1000)


@pytest.fixture(scope="module")
def process(tmp_path_factory, running_redis, running_echo):
    directory = tmp_path_factory.mktemp("relay")
    environment = {"RELAY_UNPRICED_MODELS": "deny"}
    with RelayProcess(directory, running_redis, running_echo.url, **environment) as process:
        yield process


@pytest.fixture
def relay(process):
    process.reset()
    return process


def put_books(relay, *books):
    """Books as (name, since when in ms, model, USD of input)."""
    projected = [
        {
            "effective_ms": since,
            "book": {
                "version": name,
                "providers": {
                    "openai": {
                        model: {
                            "input": usd, "output": "0", "cache_read": usd,
                            "cache_write_5m": usd, "cache_write_1h": usd,
                            "context_window": 128_000, "max_output_tokens": 4096, "source": "s",
                        }
                    }
                },
            },
        }
        for name, since, model, usd in books
    ]  # fmt: skip
    body = msgspec.json.encode(projected)
    run(_with_commands(relay.redis.url, lambda redis: put_prices(
        redis, PREFIX, next(VERSIONS), body)))  # fmt: skip


def cost_of(relay, model=MODELS["openai"], **fields):
    answer = relay.client.post(CHAT, json=ask("openai", model=model, **fields))
    assert answer.status_code == 200, answer.text
    return relay.record(answer.headers["x-request-id"])


def test_a_book_holds_from_the_next_request_on(relay):
    base = current_price_book().version
    assert cost_of(relay).price_version == base
    put_books(relay, ("acme-1", 0, MODELS["openai"], "1000"))
    record = cost_of(relay)
    assert record.price_version == f"{base}+acme-1"
    assert float(record.cost_usd) == pytest.approx(record.tokens.input / 1000)
    assert record.unit_prices == {"input": 10**9, "output": 0}
    put_books(relay, ("acme-2", 0, MODELS["openai"], "500"))
    assert cost_of(relay).unit_prices["input"] == 5 * 10**8


def test_a_book_that_is_to_come_begins_by_itself(relay):
    now = int(time.time() * 1000)
    later = ("tomorrow", now + DAY_MS, MODELS["openai"], "7")
    soon = ("soon", now + 1500, MODELS["openai"], "6")
    put_books(relay, ("now", 0, MODELS["openai"], "5"), soon, later)
    seen = [cost_of(relay).unit_prices["input"]]
    while seen[-1] == 5 * 10**6:
        seen.append(cost_of(relay).unit_prices["input"])
    assert (seen[0], seen[-1]) == (5 * 10**6, 6 * 10**6)


def test_a_broken_book_changes_nothing(relay):
    before = cost_of(relay).price_version
    put_books(relay, ("bad", 0, MODELS["openai"], "cheap"))
    assert cost_of(relay).price_version == before
    [line] = relay.log_lines("price_book_refused")
    assert "input" in line["error"]


def test_a_model_without_a_price_is_refused_and_the_fix_is_named(relay):
    answer = relay.client.post(CHAT, json=ask("openai", model=UNKNOWN))
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert UNKNOWN in message
    assert "relayctl prices import" in message
    assert "unpriced_models: quarantine" in message
    assert relay.records() == []
    put_books(relay, ("has-it", 0, UNKNOWN, "1"))
    assert cost_of(relay, UNKNOWN).price_version.endswith("+has-it")


def test_an_organisation_may_have_such_models_priced_later(relay):
    relay.project_policy("organisation", Policy(unpriced_models="quarantine"))
    record = cost_of(relay, UNKNOWN)
    assert (record.price_version, record.cost_usd) == ("unpriced", "0.000000000000")
    assert record.priced_as == UNKNOWN
    relay.project_policy("organisation", Policy(unpriced_models="deny"))
    assert relay.client.post(CHAT, json=ask("openai", model=UNKNOWN)).status_code == 404


def test_a_discount_lowers_the_cost_and_stands_in_the_record(relay, running_echo):
    full = cost_of(relay)
    relay.project_accounts(stored_account(running_echo.url, discount="0.15"))
    less = cost_of(relay)
    assert less.discount == "0.15"
    assert less.unit_prices["input"] == full.unit_prices["input"] * 85 // 100
    assert float(less.cost_usd) == pytest.approx(float(full.cost_usd) * 0.85)


def test_a_request_keeps_the_prices_that_it_was_admitted_with(relay):
    relay.project_policy("organisation", Policy(budgets=(Budget("total", "100", "clamp"),)))
    put_books(relay, ("cheap", 0, MODELS["openai"], "1"))
    with relay.client.stream("POST", CHAT, json=ask("openai", stream=True)) as answer:
        put_books(relay, ("dear", 0, MODELS["openai"], "1000"))
        assert relay.client.post(CHAT, json=ask("openai")).status_code == 200
        answer.read()
        request_id = answer.headers["x-request-id"]
    assert relay.record(request_id).price_version.endswith("+cheap")
