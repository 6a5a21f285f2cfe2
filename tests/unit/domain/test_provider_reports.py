"""Reports as providers write them, and what of them differs from the ledger."""

from decimal import Decimal

import msgspec
import pytest

from common.domain.provider_reports import (
    Figures,
    Place,
    UnreadableReport,
    compare,
    gather,
    read_page,
)

# Examples of the providers' references, with a model.
OPENAI_USAGE = {
    "object": "page",
    "data": [
        {
            "object": "bucket",
            "start_time": 1730419200,
            "end_time": 1730505600,
            "results": [
                {
                    "object": "organization.usage.completions.result",
                    "input_tokens": 1000,
                    "output_tokens": 500,
                    "input_cached_tokens": 800,
                    "num_model_requests": 5,
                    "project_id": None,
                    "model": "gpt-4o-2024-08-06",
                }
            ],
        }
    ],
    "has_more": True,
    "next_page": "AAAAAGdGxdEiJdKOAAAAAGcqsYA=",
}
OPENAI_COSTS = {
    "object": "page",
    "data": [
        {
            "start_time": 1730419200,
            "end_time": 1730505600,
            "results": [
                {"amount": {"value": 0.06, "currency": "usd"}, "line_item": f"gpt-4o, {kind}"}
                for kind in ("input", "output")
            ]
            + [{"amount": {"value": "0.5", "currency": "usd"}, "line_item": None}],
        }
    ],
    "has_more": False,
    "next_page": None,
}
ANTHROPIC_USAGE = {
    "data": [
        {
            "starting_at": "2025-08-01T00:00:00Z",
            "ending_at": "2025-08-02T00:00:00Z",
            "results": [
                {
                    "uncached_input_tokens": 1500,
                    "cache_creation": {
                        "ephemeral_1h_input_tokens": 1000,
                        "ephemeral_5m_input_tokens": 500,
                    },
                    "cache_read_input_tokens": 200,
                    "output_tokens": 500,
                    "server_tool_use": {"web_search_requests": 10},
                    "model": "claude-opus-4-20250514",
                }
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}
ANTHROPIC_COSTS = {
    "data": [
        {
            "starting_at": "2025-08-01T00:00:00Z",
            "ending_at": "2025-08-02T00:00:00Z",
            "results": [
                {"currency": "USD", "amount": "123.78912", "model": "claude-opus-4-20250514"}
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}


def read(provider, kind, page):
    return read_page(provider, kind, msgspec.json.encode(page))


def test_openais_input_includes_what_was_cached():
    found, following = read("openai", "usage", OPENAI_USAGE)
    assert found == [
        (
            Place("2024-11-01", "gpt-4o-2024-08-06"),
            Figures(requests=5, input=200, cache_read=800, output=500),
        )
    ]
    assert following == "AAAAAGdGxdEiJdKOAAAAAGcqsYA="


def test_openais_line_items_are_summed_by_model():
    found, following = read("openai", "costs", OPENAI_COSTS)
    assert following is None
    assert gather([found]) == {
        Place("2024-11-01", "gpt-4o"): Figures(usd=Decimal("0.12")),
        Place("2024-11-01", "(not named)"): Figures(usd=Decimal("0.5")),
    }


def test_anthropics_usage_and_its_costs_in_cents_are_of_one_model():
    place = Place("2025-08-01", "claude-opus-4-20250514")
    parts = [read("anthropic", kind, page)[0] for kind, page in
             (("usage", ANTHROPIC_USAGE), ("costs", ANTHROPIC_COSTS))]  # fmt: skip
    report = gather(parts)
    expected = Figures(None, 1500, 200, 1500, 500, Decimal("1.2378912"))
    assert report == {place: expected}
    (one,) = compare({place: Figures(7, 1500, 200, 1499, 500, Decimal("1.25"))}, report)
    assert (one.of("requests"), one.of("cache_write"), one.of("input")) == (None, -1, 0)
    assert one.usd == Decimal("0.0121088")
    assert not one.agrees


def test_what_only_one_side_has_differs_and_money_alone_does_not():
    place, other = Place("2026-11-25", "a"), Place("2026-11-26", "b")
    found = compare({place: Figures(1, 1)}, {other: Figures(2, 2, usd=Decimal(1))})
    assert [one.place for one in found] == [place, other]
    assert [one.of("requests") for one in found] == [1, -2]
    same = compare({place: Figures(1, usd=Decimal(1))}, {place: Figures(1, usd=Decimal(2))})
    assert same[0].agrees
    assert same[0].usd == -1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": [{"results": [{}]}]}', b"<html>"])
def test_what_is_no_report_is_refused(body):
    with pytest.raises(UnreadableReport):
        read_page("openai", "usage", body)
