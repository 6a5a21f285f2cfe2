"""Jobs: what their providers' answers mean, and what the results of a batch add up to."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS, batch_results
from common.dialects.base import BadRequest
from common.dialects.job_readers import JOBS
from common.dialects.jobs import UnreadableResults
from common.dialects.worst_cases import BOUNDS
from common.domain.jobs import Job, JobResult, job_record
from common.domain.model_prices import LongContext, TierRates
from common.domain.money import pico_from_usd
from common.domain.prices import PriceBook
from common.domain.rerating import Posted, correction
from common.domain.reservation import charge_of
from common.domain.usage import Tokens
from common.price_book import current_price_book
from tests.support.costs import lines_pico
from tests.support.usage_records import make_record

PRICES = current_price_book()
MODEL = "claude-sonnet-4-5"
RESPONSE = {"object": "response", "model": "gpt-x-1", "output": [{"type": "message"}]}
USAGE = {"input_tokens": 9, "output_tokens": 4}
CREATE = OPERATIONS["messages.batches"]


def response(**members):
    return JOBS["response"].read_state(json.dumps(RESPONSE | members).encode())


def message(given=10, made=5, **usage):
    figures = {"input_tokens": given, "output_tokens": made, **usage}
    return {"type": "message", "model": MODEL, "content": [], "usage": figures}


def line(kind="succeeded", **members):
    return json.dumps({"custom_id": "x", "result": {"type": kind, **members}}).encode() + b"\n"


def results(*chunks, price=PRICES.find(MODEL)):  # noqa: B008 - a constant
    reader = JOBS["message_batch"].results(price)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.end()


def batch(*params, **members):
    requests = [{"custom_id": str(n), "params": one} for n, one in enumerate(params)]
    return json.dumps({"requests": requests, **members}).encode()


def asking(**members):
    turns = [{"role": "user", "content": "a"}]
    return {"model": MODEL, "max_tokens": 100, "messages": turns, **members}


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_goes_on(status):
    state = response(status=status, usage=None)
    assert (state.ended, state.result) == (False, None)


@pytest.mark.parametrize(
    ("members", "status", "tokens"),
    [
        ({"status": "completed", "usage": USAGE}, "ok", Tokens(9, 4)),
        ({"status": "incomplete", "usage": USAGE}, "ok", Tokens(9, 4)),
        ({"status": "cancelled", "usage": USAGE}, "cancelled", Tokens(9, 4)),
        ({"status": "failed", "usage": None, "output": []}, "error", Tokens()),
        ({"status": "cancelled", "usage": None, "output": []}, "cancelled", Tokens()),
        # Never free when there is something to see: it is estimated.
        ({"status": "cancelled", "usage": None}, "cancelled", None),
        ({"status": "completed", "usage": None, "output": []}, "ok", None),
    ],
)
def test_how_a_response_ends(members, status, tokens):
    result = response(**members).result
    assert (result.status, result.tokens) == (status, tokens)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"object":"list","status":"completed"}'])
def test_what_is_no_job(body):
    assert all(reader.read_state(body) is None for reader in JOBS.values())


@given(st.data())
def test_results_add_up_wherever_they_are_cut(data):
    lines = [line(message=message(given=n + 1, made=2 * n)) for n in range(5)]
    lines += [line("errored"), line("expired"), b"\n"]
    body = b"".join(lines).rstrip(b"\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=9)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    result = results(*parts)
    assert (result.status, result.tokens) == ("ok", Tokens(input=15, output=20))
    price = PRICES.find(MODEL)
    assert result.cost_pico * 2 == 15 * price.input + 20 * price.output


def rates(kind, amount, **members):
    return kind(input=amount, output=0, cache_read=0, cache_write_5m=0, cache_write_1h=0, **members)


# Batch prices of the test's own, dearer above 100 tokens of input.
LONG = rates(TierRates, 10, long_context=rates(LongContext, 30, over_input_tokens=100))


def book_of(batch_rates):
    price = msgspec.structs.replace(PRICES.find(MODEL), batch=batch_rates)
    return PriceBook("1", {MODEL: price}, {}, {})


def test_a_long_context_is_that_of_one_request():
    price = book_of(LONG).find(MODEL)
    short, long = (line(message=message(given=given, made=0)) for given in (99, 101))
    together = results(*[short] * 3, price=price)
    assert (together.cost_pico, together.unit_prices) == (3 * 99 * 10, {"input": 10})
    assert results(long, price=price).unit_prices == {"input": 30}
    # No price holds for all, so none is shown.
    mixed = results(short, long, price=price)
    assert (mixed.cost_pico, mixed.unit_prices) == (99 * 10 + 101 * 30, {})


def job_of(kind, **draft):
    record = make_record(model_requested="asked", priced_as=MODEL, provider="anthropic", **draft)
    return Job(kind, "its-id", 0, record)


@pytest.mark.parametrize("discount", ["", "0.3"])
def test_the_lines_of_a_batch_add_up_to_its_cost(discount):
    job = job_of(
        "message_batch", discount=discount, service_tier="batch", endpoint="messages.batches"
    )
    price = PRICES.find(MODEL).discounted(discount)
    used = {"cache_read_input_tokens": 5, "server_tool_use": {"web_search_requests": 2}}
    lines = [line(message=message(given=n + 1, made=2 * n, **used)) for n in range(5)]
    record = job_record(job, results(*lines, price=price), PRICES, 0)
    assert (record.searches, record.service_tier) == (10, "batch")
    assert record.tokens == Tokens(input=15, output=20, cache_read=25)
    cost = pico_from_usd(record.cost_usd)
    assert cost == lines_pico(record.tokens, record.unit_prices, record.searches) > 0
    assert record.unit_prices["input"] == price.at_tier("batch").input
    # And it is what the book says later.
    posted = Posted(record, record.tokens, record.searches, cost, adjustments=0, priced=True)
    assert correction(posted, PRICES) is None


def test_a_batch_is_rated_again_at_no_length_but_its_requests():
    job = job_of("message_batch", service_tier="batch", endpoint="messages.batches")
    book = book_of(LONG)
    short, long = (line(message=message(given=given, made=0)) for given in (99, 101))
    for lines in ([short] * 3, [short, long]):
        record = job_record(job, results(*lines, price=book.find(MODEL)), book, 0)
        cost = pico_from_usd(record.cost_usd)
        posted = Posted(record, record.tokens, 0, cost, adjustments=0, priced=True)
        assert correction(posted, book) is None


def test_the_record_of_a_response_says_what_its_provider_said():
    body = {"status": "completed", "service_tier": "flex", "usage": USAGE}
    found = response(**body, output=[{"type": "web_search_call"}]).result
    record = job_record(job_of("response", discount="0.5"), found, PRICES, 0)
    price = PRICES.find(MODEL).discounted("0.5")
    assert (record.service_tier, record.searches, record.reported_usage) == ("flex", 1, USAGE)
    expected = price.rates_for(record.tokens, "flex").priced(record.tokens, 1)
    assert (record.unit_prices, pico_from_usd(record.cost_usd)) == expected
    assert record.price_version == PRICES.version


def test_a_tier_without_a_price_is_priced_later():
    result = JobResult("ok", "complete", Tokens(9, 4), service_tier="newest")
    record = job_record(job_of("response"), result, PRICES, 0)
    assert (record.price_version, record.cost_usd) == ("unpriced", "0.000000000000")
    assert record.unit_prices == {}


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (("canceled",), "cancelled"),
        (("expired",), "error"),
        (("errored", "canceled"), "error"),
        ((), "ok"),
    ],
)
def test_how_a_batch_ends_of_which_nothing_succeeded(kinds, status):
    result = results(*map(line, kinds))
    assert (result.status, result.tokens, result.cost_pico) == (status, Tokens(), 0)


@pytest.mark.parametrize("bad", [b"{}\n", b"<html>\n", line(message={"type": "message"})])
def test_unreadable_results_settle_nothing(bad):
    with pytest.raises(UnreadableResults):
        results(line(message=message()), bad)


def test_a_line_without_an_end_is_bounded(monkeypatch):
    monkeypatch.setattr(batch_results, "LINE_BYTES_MAX", 100)
    with pytest.raises(UnreadableResults, match="100 bytes"):
        results(*[b"x" * 30] * 4)


def test_what_is_read_of_a_batch():
    parsed = CREATE.parse_request(batch(asking(), asking(max_tokens=7)))
    assert (parsed.model, parsed.job, parsed.job_output_tokens) == (MODEL, "message_batch", 107)
    assert parsed.service_tier == "batch"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "requests"),
        (b'{"requests": []}', "requests"),
        (batch({"max_tokens": 1}), "requests[0].params.model"),
        (batch(asking(max_tokens=0)), "requests[0].params.max_tokens"),
        (batch(asking(stream=True)), "requests[0].params.stream"),
        (batch(asking(), asking(model="other")), "requests[1].params.model"),
        (batch(asking()).replace(b'"model"', b'"model": "m", "model"'), "requests[0].params.model"),
        (batch(asking()).replace(b'"params"', b'"params": {}, "params"'), "requests[0].params"),
    ],
)
def test_what_is_no_batch_is_named(body, field):
    with pytest.raises(BadRequest) as caught:
        CREATE.parse_request(body)
    assert caught.value.field == field


def test_another_model_is_named_in_each_request_and_nothing_else_changes():
    body = batch(asking(metadata={"model": MODEL}), asking(), keep=1.10)
    parsed = CREATE.parse_request(body)
    assert CREATE.prepare_request(body, parsed, MODEL) == body
    prepared = CREATE.prepare_request(body, parsed, "house")
    names = [one["params"]["model"] for one in json.loads(prepared)["requests"]]
    assert names == ["house", "house"]
    assert json.loads(prepared)["requests"][0]["params"]["metadata"] == {"model": MODEL}


def test_the_worst_case_of_a_batch_is_half_of_its_requests():
    price = PRICES.find(MODEL)
    one = asking(max_tokens=300)
    alone = BOUNDS["messages"](json.dumps(one).encode())
    single = charge_of(price, alone, 300).worst_nano(300)
    charge = charge_of(price, BOUNDS["messages.batches"](batch(one, one)), None)
    assert (charge.wanted, charge.output_nano) == (-1, 0)
    assert charge.input_nano == single
    unbounded = BOUNDS["messages.batches"](batch(one, one | {"container": "c"}))
    assert unbounded.unbounded == "requests[1].params.container"
