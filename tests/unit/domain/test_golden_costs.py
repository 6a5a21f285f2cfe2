"""Golden costs: usage as providers report it, priced by hand from their published prices.

Each comment is the arithmetic, in USD per million tokens: what a person would do with the
provider's page and the answer in hand. The book is a fixed one: a newer changes nothing here.
"""

import json
from pathlib import Path

import pytest

from common import price_book
from common.dialects import OPERATIONS
from common.dialects.gemini.tokens import read_usage as read_gemini
from common.domain.money import usd_text
from common.domain.price_lines import price_lines
from common.domain.prices import PriceBook
from common.domain.service_tiers import tier_of
from common.domain.usage import Tokens
from tests.support.costs import lines_pico

VENDORED = Path(price_book.__file__).parent / "price_books" / "2026-11-26.json"
# Models that the vendored book has not: their prices are those of the providers' pages.
OTHERS = {
    "version": "others",
    "providers": {
        "openai": {
            "gpt-4o-audio-preview": {
                "input": "2.5", "output": "10", "audio_input": "40", "audio_output": "80",
                "cache_read": "2.5", "cache_write_5m": "2.5", "cache_write_1h": "2.5",
                "context_window": 128000, "max_output_tokens": 16384, "source": "openai",
            },
        },
        "google": {
            "gemini-2.5-pro": {
                "input": "1.25", "output": "10", "cache_read": "0.125",
                "cache_write_5m": "1.25", "cache_write_1h": "1.25",
                "long_context": {"over_input_tokens": 200000, "input": "2.5", "output": "15",
                                 "cache_read": "0.25", "cache_write_5m": "2.5",
                                 "cache_write_1h": "2.5"},
                "context_window": 1048576, "max_output_tokens": 65536, "source": "google",
            },
            "gemini-2.5-flash": {
                "input": "0.3", "output": "2.5", "audio_input": "1", "cache_read": "0.03",
                "cache_write_5m": "0.3", "cache_write_1h": "0.3",
                "context_window": 1048576, "max_output_tokens": 65536, "source": "google",
            },
        },
    },
}  # fmt: skip
BOOK = PriceBook.from_json(VENDORED.read_bytes()).overridden_by(
    PriceBook.from_json(json.dumps(OTHERS).encode()), "golden"
)


def chat(prompt, completion, *, given=None, made=None):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0} | (given or {}),
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
        | (made or {}),
    }


def response(given, made, *, cached=0, written=0, reasoning=0):
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": given + made,
    }


def claude(given, made, *, read=0, short=0, long=0, thinking=0, **more):
    return {
        "input_tokens": given,
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": long,
        },
        "output_tokens": made,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": "standard",
        "inference_geo": "global",
    } | more


def gemini(prompt, candidates, **more):
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": candidates,
        "totalTokenCount": prompt + candidates,
        "trafficType": "ON_DEMAND",
    } | more


def audio(tokens):
    return [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": tokens}]


SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
CHAT, RESPONSES = "chat.completions", "responses"
# (what, endpoint, model, usage, tier of the answer, USD)
CASES = [
    # --- OpenAI, chat completions ---------------------------------------------------------------
    # 9 * 0.15 + 12 * 0.60 = 8.55
    ("the smallest", CHAT, "gpt-4o-mini-2024-07-18", chat(9, 12), "default", "0.000008550000"),
    # 1,000,000 * 2.50 + 1,000,000 * 10 = 12.50 USD
    ("a million each", CHAT, "gpt-4o", chat(10**6, 10**6), None, "12.500000000000"),
    # cached are part of the prompt: (2,006 - 1,920) * 2.50 + 1,920 * 1.25 + 300 * 10
    # = 215 + 2,400 + 3,000 = 5,615
    ("cached prompt", CHAT, "gpt-4o-2024-08-06",
     chat(2006, 300, given={"cached_tokens": 1920}), "default", "0.005615000000"),
    # all of it cached: 1,024 * 0.075 + 1 * 0.60 = 76.8 + 0.6 = 77.4
    ("all cached", CHAT, "gpt-4o-mini", chat(1024, 1, given={"cached_tokens": 1024}), None,
     "0.000077400000"),
    # reasoning is part of the completion: 19 * 1.10 + 1,050 * 4.40 = 20.9 + 4,620 = 4,640.9
    ("reasoning", CHAT, "o4-mini", chat(19, 1050, made={"reasoning_tokens": 1024}), "default",
     "0.004640900000"),
    # 75 * 2 + 1,186 * 8 = 150 + 9,488 = 9,638
    ("o3", CHAT, "o3-2025-04-16", chat(75, 1186, made={"reasoning_tokens": 1024}), "default",
     "0.009638000000"),
    # flex: 1,000 * 0.625 + 500 * 5 = 625 + 2,500 = 3,125
    ("flex", CHAT, "gpt-5", chat(1000, 500), "flex", "0.003125000000"),
    # flex, cached: 200 * 0.625 + 800 * 0.0625 + 500 * 5 = 125 + 50 + 2,500 = 2,675
    ("flex, cached", CHAT, "gpt-5", chat(1000, 500, given={"cached_tokens": 800}), "flex",
     "0.002675000000"),
    # priority: 1,000 * 2.50 + 500 * 20 = 2,500 + 10,000 = 12,500
    ("priority", CHAT, "gpt-5-2025-08-07", chat(1000, 500), "priority", "0.012500000000"),
    # asked for priority and served at default: the answer's tier counts.
    # 1,000 * 1.25 + 500 * 10 = 6,250
    ("priority fell back", CHAT, "gpt-5", chat(1000, 500), "default", "0.006250000000"),
    # 1,000 * 0.45 + 100 * 3.60 = 450 + 360 = 810
    ("priority, 1.8 times", CHAT, "gpt-5-mini", chat(1000, 100), "priority", "0.000810000000"),
    # 1,000 * 12.50 + 100 * 75 = 12,500 + 7,500 = 20,000
    ("priority, 2.5 times", CHAT, "gpt-5.5", chat(1000, 100), "priority", "0.020000000000"),
    # 400 * 4.25 + 600 * 2.125 + 10 * 17 = 1,700 + 1,275 + 170 = 3,145
    ("priority, cached", CHAT, "gpt-4o", chat(1000, 10, given={"cached_tokens": 600}),
     "priority", "0.003145000000"),
    # scale costs what the standard tier does: 100 * 2.50 + 10 * 10 = 350
    ("scale", CHAT, "gpt-4o", chat(100, 10), "scale", "0.000350000000"),
    # audio: 20 * 2.50 + 80 * 40 + 50 * 10 + 150 * 80 = 50 + 3,200 + 500 + 12,000 = 15,750
    ("audio in and out", CHAT, "gpt-4o-audio-preview",
     chat(100, 200, given={"audio_tokens": 80}, made={"audio_tokens": 150}), "default",
     "0.015750000000"),
    # of a model without prices for audio it is text: 100 * 0.15 + 10 * 0.60 = 21
    ("audio as text", CHAT, "gpt-4o-mini", chat(100, 10, given={"audio_tokens": 80}), None,
     "0.000021000000"),
    # rejected predictions are in the completion: 50 * 2.50 + 300 * 10 = 125 + 3,000 = 3,125
    ("predictions", CHAT, "gpt-4o", chat(50, 300, made={"rejected_prediction_tokens": 120}),
     "default", "0.003125000000"),
    # at 272,000 still short: 272,000 * 2.50 + 100 * 15 = 680,000 + 1,500
    ("long context, not yet", CHAT, "gpt-5.4", chat(272_000, 100), "default", "0.681500000000"),
    # one more, and all of it is long: 272,001 * 5 + 100 * 22.50 = 1,360,005 + 2,250
    ("long context", CHAT, "gpt-5.4", chat(272_001, 100), "default", "1.362255000000"),
    # cached tokens count for the length: 1 * 5 + 272,000 * 0.50 + 100 * 22.50
    # = 5 + 136,000 + 2,250 = 138,255
    ("long context, cached", CHAT, "gpt-5.4",
     chat(272_001, 100, given={"cached_tokens": 272_000}), "default", "0.138255000000"),
    # flex and long: 300,000 * 2.50 + 100 * 11.25 = 750,000 + 1,125
    ("long context, flex", CHAT, "gpt-5.4", chat(300_000, 100), "flex", "0.751125000000"),
    # a completion that a filter cut to nothing: 12 * 0.15 = 1.8
    ("no output", CHAT, "gpt-4o-mini", chat(12, 0), "default", "0.000001800000"),
    # --- OpenAI, responses ----------------------------------------------------------------------
    # 36 * 2 + 87 * 8 = 72 + 696 = 768
    ("a response", RESPONSES, "gpt-4.1-2025-04-14", response(36, 87), "default",
     "0.000768000000"),
    # (328 - 128) * 2 + 128 * 0.50 + 52 * 8 = 400 + 64 + 416 = 880
    ("a response, cached", RESPONSES, "gpt-4.1", response(328, 52, cached=128), "default",
     "0.000880000000"),
    # 81 * 2 + 1,035 * 8 = 162 + 8,280 = 8,442
    ("a response, reasoning", RESPONSES, "o3", response(81, 1035, reasoning=832), "default",
     "0.008442000000"),
    # cache writes are a class of their own: (10,000 - 2,000 - 6,000) * 2 + 2,000 * 0.10
    # + 6,000 * 2.50 + 100 * 10 = 4,000 + 200 + 15,000 + 1,000 = 20,200
    ("a response, cache written", RESPONSES, "gpt-6.1-sol",
     response(10_000, 100, cached=2000, written=6000), "default", "0.020200000000"),
    # at priority, twice: 40,400
    ("a response, cache written, priority", RESPONSES, "gpt-6.1-sol",
     response(10_000, 100, cached=2000, written=6000), "priority", "0.040400000000"),
    # 300,000 long: (300,000 - 100,000) * 4 + 100,000 * 0.20 + 1,000 * 15
    # = 800,000 + 20,000 + 15,000 = 835,000
    ("a response, long", RESPONSES, "gpt-6.1-sol", response(300_000, 1000, cached=100_000),
     "default", "0.835000000000"),
    # flex of o4-mini has its own price for cached ones: 400 * 0.55 + 600 * 0.138 + 200 * 2.20
    # = 220 + 82.8 + 440 = 742.8
    ("a response, flex", RESPONSES, "o4-mini", response(1000, 200, cached=600), "flex",
     "0.000742800000"),
    # --- OpenAI, embeddings ---------------------------------------------------------------------
    # 8 * 0.02 = 0.16
    ("an embedding", "embeddings", "text-embedding-3-small",
     {"prompt_tokens": 8, "total_tokens": 8}, None, "0.000000160000"),
    # --- Anthropic, messages --------------------------------------------------------------------
    # 2,095 * 3 + 503 * 15 = 6,285 + 7,545 = 13,830
    ("a message", "messages", "claude-sonnet-4-5-20250929", claude(2095, 503), None,
     "0.013830000000"),
    # the input excludes what a cache served: 21 * 3 + 188,086 * 0.30 + 393 * 15
    # = 63 + 56,425.8 + 5,895 = 62,383.8
    ("cache read", "messages", "claude-sonnet-4-5", claude(21, 393, read=188_086), None,
     "0.062383800000"),
    # 5 minutes: 21 * 3 + 188,086 * 3.75 + 393 * 15 = 63 + 705,322.5 + 5,895 = 711,280.5
    ("cache written for 5 minutes", "messages", "claude-sonnet-4-5",
     claude(21, 393, short=188_086), None, "0.711280500000"),
    # both: 2,048 * 1 + 1,800 * 0.10 + 456 * 1.25 + 100 * 2 + 503 * 5
    # = 2,048 + 180 + 570 + 200 + 2,515 = 5,513
    ("cache written for both times", "messages", "claude-haiku-4-5",
     claude(2048, 503, read=1800, short=456, long=100), None, "0.005513000000"),
    # an older API does not split what was written: 10 * 1 + 1,000 * 1.25 + 5 * 5 = 1,285
    ("cache written, unsplit", "messages", "claude-haiku-4-5",
     {"input_tokens": 10, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 0,
      "output_tokens": 5}, None, "0.001285000000"),
    # thinking is part of the output: 100 * 4 + 2,500 * 20 = 400 + 50,000
    ("thinking", "messages", "claude-opus-5-5", claude(100, 2500, thinking=2048), None,
     "0.050400000000"),
    # the faster mode: 100 * 8 + 2,500 * 40 + 1,000 * 0.40 = 800 + 100,000 + 400
    ("fast", "messages", "claude-opus-5-5", claude(100, 2500, read=1000, speed="fast"), None,
     "0.101200000000"),
    # batch, half of all: 100 * 2 + 2,500 * 10 + 1,000 * 4 (1 hour) = 200 + 25,000 + 4,000
    ("batch", "messages", "claude-opus-5-5",
     claude(100, 2500, long=1000, service_tier="batch"), None, "0.029200000000"),
    # priority is sold by commitment, and recorded at the standard price: 100 * 2 + 10 * 10
    ("priority of Anthropic's", "messages", "claude-sonnet-5-5",
     claude(100, 10, service_tier="priority"), None, "0.000300000000"),
    # 3 searches at 10 USD a thousand: 0.03 USD + 6,039 * 2 + 931 * 10 = 12,078 + 9,310 = 21,388
    ("web searches", "messages", "claude-sonnet-5",
     claude(6039, 931, server_tool_use={"web_search_requests": 3, "web_fetch_requests": 0}),
     None, "0.051388000000"),
    # a search in a batch costs what one does otherwise: 0.01 USD + 1,000 * 1 + 100 * 5 = 1,500
    ("web search in a batch", "messages", "claude-sonnet-5",
     claude(1000, 100, service_tier="batch", server_tool_use={"web_search_requests": 1}), None,
     "0.011500000000"),
    # to 100,000 short, cached ones counted: 50,000 * 0.10 + 50,000 * 0.01 + 10 * 0.50 = 5,505
    ("short of long", "messages", "claude-haiku-5-5", claude(50_000, 10, read=50_000), None,
     "0.005505000000"),
    # beyond it, at all rates: 50,000 * 0.50 + 50,001 * 0.05 + 10 * 2.50 = 25,000 + 2,500.05 + 25
    ("long", "messages", "claude-haiku-5-5", claude(50_000, 10, read=50_001), None,
     "0.027525050000"),
    # long, in a batch: 100,000 * 0.25 + 10,000 * 0.3125 + 10 * 1.25 = 25,000 + 3,125 + 12.5
    ("long, in a batch", "messages", "claude-haiku-5-5",
     claude(100_000, 10, short=10_000, service_tier="batch"), None, "0.028137500000"),
    # --- Gemini, generateContent ----------------------------------------------------------------
    # thoughts are beside the candidates: 10 * 0.30 + (90 + 410) * 2.50 = 3 + 1,250 = 1,253
    ("thoughts", "gemini", "gemini-2.5-flash", gemini(10, 90, thoughtsTokenCount=410), None,
     "0.001253000000"),
    # cached are part of the prompt: (5,000 - 4,000) * 1.25 + 4,000 * 0.125 + 200 * 10
    # = 1,250 + 500 + 2,000 = 3,750
    ("cached content", "gemini", "gemini-2.5-pro",
     gemini(5000, 200, cachedContentTokenCount=4000), None, "0.003750000000"),
    # what tools put in is beside the prompt: (100 + 900) * 1.25 + (50 + 150) * 10 = 1,250 + 2,000
    ("tool use", "gemini", "gemini-2.5-pro",
     gemini(100, 50, toolUsePromptTokenCount=900, thoughtsTokenCount=150), None,
     "0.003250000000"),
    # over 200,000: 150,000 * 2.50 + 100,000 * 0.25 + 100 * 15 = 375,000 + 25,000 + 1,500
    ("a long prompt", "gemini", "gemini-2.5-pro",
     gemini(250_000, 100, cachedContentTokenCount=100_000), None, "0.401500000000"),
    # audio: 10 * 0.30 + 250 * 1 + 20 * 2.50 = 3 + 250 + 50 = 303
    ("heard", "gemini", "gemini-2.5-flash",
     gemini(260, 20, promptTokensDetails=audio(250)), None, "0.000303000000"),
    # audio, of it 200 from the cache: 10 * 0.30 + 50 * 1 + 200 * 0.03 + 20 * 2.50
    # = 3 + 50 + 6 + 50 = 109
    ("heard from the cache", "gemini", "gemini-2.5-flash",
     gemini(260, 20, cachedContentTokenCount=200, promptTokensDetails=audio(250),
            cacheTokensDetails=[{"modality": "AUDIO", "tokenCount": 200}]), None,
     "0.000109000000"),
]  # fmt: skip


def read(endpoint, usage, tier, items=()):
    """What Relay makes of an answer: tokens, tier, searches."""
    if endpoint == "gemini":
        return read_gemini(json.dumps(usage).encode()), tier, 0
    answer = {"model": "m", "usage": usage}
    match endpoint:
        case "chat.completions":
            answer |= {"object": "chat.completion", "choices": [], "service_tier": tier}
        case "responses":
            answer |= {"object": "response", "id": "r", "output": list(items)}
            answer |= {"service_tier": tier}
        case "embeddings":
            answer |= {"object": "list", "data": []}
        case "messages":
            answer |= {"type": "message", "content": []}
    found = OPERATIONS[endpoint].read_answer(json.dumps(answer).encode())
    return found.tokens, found.service_tier, found.searches


@pytest.mark.parametrize(
    ("endpoint", "model", "usage", "tier", "usd"),
    [pytest.param(*case[1:], id=f"{case[1]}: {case[0]}") for case in CASES],
)
def test_it_costs_what_a_person_works_out(endpoint, model, usage, tier, usd):
    tokens, served_tier, searches = read(endpoint, usage, tier)
    rates = BOOK.find(model).rates_for(tokens, tier_of(served_tier))
    prices = rates.priced(tokens, searches)[0]
    assert usd_text(lines_pico(tokens, prices, searches)) == usd
    lines = price_lines(tokens, prices, searches)
    assert usd_text(sum(line.cost_pico for line in lines)) == usd


def test_there_are_as_many_as_were_promised():
    assert len(CASES) >= 40
    assert len({case[0] for case in CASES}) == len(CASES)


def test_searches_of_a_response_are_counted_and_billed_each():
    items = [
        SEARCH | {"action": {"type": "search", "query": "a"}},
        SEARCH | {"action": {"type": "open_page", "url": "https://a.example"}},
        SEARCH,
        {"type": "message", "content": [{"type": "output_text", "text": "web_search_call"}]},
    ]
    tokens, tier, searches = read(RESPONSES, response(36, 87), "default", items)
    assert searches == 2
    rates = BOOK.find("gpt-4.1").rates_for(tokens, tier_of(tier))
    # 2 searches at 10 USD a thousand, and 768 as above.
    assert usd_text(rates.priced(tokens, searches)[1]) == "0.020768000000"


@pytest.mark.parametrize(
    ("model", "tier"), [("gpt-5-nano", "priority"), ("gpt-4o", "newest"), ("gpt-4o", "fast")]
)
def test_what_is_dearer_and_has_no_price_is_not_priced_as_if_it_were_cheap(model, tier):
    assert BOOK.find(model).rates_for(Tokens(input=1), tier_of(tier)) is None
