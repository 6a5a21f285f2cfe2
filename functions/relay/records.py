"""The usage record of a request: the draft that a lease carries, and the final one.

What has no price is recorded as `unpriced` at $0, counted and logged, to be priced later.
"""

from typing import Any

from common.dialects.base import StreamCopy, WholeAnswer
from common.domain import usage
from common.domain.accounts import AccountRecord
from common.domain.admission import Draft
from common.domain.money import PICO_PER_NANO, nano_ceiling, pico_from_usd, usd_text
from common.domain.policies import DEFAULT_GONE, AppliedPolicy
from common.domain.prices import PriceBook
from common.domain.reported_usage import reported_usage
from common.domain.rerating import UNPRICED
from common.domain.service_tiers import tier_of
from common.domain.settlement import occurred_at
from common.domain.usage import Status, Tokens, UsageRecord, UsageSource
from functions.relay.open_request import OpenRequest

CLIENT_CHARACTERS_MAX = 64
MODEL_CHARACTERS_MAX = 256


def draft_for(prices: PriceBook, request: OpenRequest, account: AccountRecord) -> Draft:
    """The record to post if the relay dies while this account serves the request."""
    return _draft(prices, request, account, _estimated_tokens(request))


def draft_now(prices: PriceBook, request: OpenRequest) -> Draft:
    """The draft with the output seen so far, for a lease's renewal; of a job, its worst case."""
    if request.account is None:
        raise ValueError("a request without an account has no draft")
    tokens = _worst_tokens(prices, request) if request.job_begun else _estimated_tokens(request)
    return _draft(prices, request, request.account, tokens)


def _draft(
    prices: PriceBook, request: OpenRequest, account: AccountRecord, tokens: Tokens
) -> Draft:
    record = _record(
        prices,
        request,
        account,
        status="interrupted",
        finish_cause="interrupted",
        tokens=tokens,
        source="estimated",
    )
    nano = nano_ceiling(pico_from_usd(record.cost_usd)) if request.counted else 0
    return Draft(usage.encode(record), tokens.total, nano)


def final_record(
    prices: PriceBook, request: OpenRequest, status: Status, finish_cause: str
) -> UsageRecord:
    """The record of a request that is over. An account must have been chosen."""
    if request.account is None:
        raise ValueError("a request without an account has no record")
    tokens, source = _used_tokens(prices, request, status)
    record = _record(
        prices,
        request,
        request.account,
        status=status,
        finish_cause=finish_cause,
        tokens=tokens,
        source=source,
        reported=_reported_usage(request),
    )
    request.tokens = tokens
    return record


def _record(
    prices: PriceBook,
    request: OpenRequest,
    account: AccountRecord,
    *,
    status: Status,
    finish_cause: str,
    tokens: Tokens,
    source: UsageSource,
    reported: dict[str, Any] | None = None,
) -> UsageRecord:
    if request.key is None or request.parsed is None or request.endpoint is None:
        raise ValueError("only an authenticated, parsed request has a record")
    served = account.served_model(request.parsed.model) or request.parsed.model
    price = prices.price_of(served, account.discount)
    searches, service_tier = _searches(request), _service_tier(request)
    rates = price.rates_for_record(tokens, tier_of(service_tier)) if price is not None else None
    unit_prices, cost = rates.priced(tokens, searches) if rates is not None else ({}, 0)
    if request.job_begun and source == "estimated" and request.is_bounded:
        # An estimate charges at most what was reserved.
        cost = min(cost, request.reserved_nano * PICO_PER_NANO)
    return UsageRecord(
        id=request.id,
        kind="usage",
        adjusts=None,
        occurred_at=occurred_at(request.id),
        key_id=request.key.id,
        user_id=request.key.user_id,
        team_id=request.key.team_id,
        account_id=account.id,
        provider=account.provider,
        dialect=request.endpoint.dialect or "",
        endpoint=request.endpoint.name,
        model_requested=request.parsed.model,
        model_served=_model_named(request) or served,
        status=status,
        finish_cause=finish_cause,
        tokens=tokens,
        usage_source=source,
        cost_usd=usd_text(cost),
        price_version=UNPRICED if rates is None else prices.version,
        latency_ms=None if status == "interrupted" else request.latency_ms,
        first_token_ms=request.first_token_ms,
        attempts=0 if request.cache_hit else max(request.attempts, 1),
        cache_hit=request.cache_hit,
        redactions=request.redactions,
        client=_client(request),
        error_code=request.reason.value if request.reason else None,
        tags=_tags(request.key.tags, request.content_flags),
        service_tier=service_tier,
        searches=searches,
        unit_prices=unit_prices,
        discount=account.discount,
        priced_as=served,
        reported_usage=reported,
        policy=_policy(request),
    )


def _tags(own: list[str], flags: tuple[str, ...]) -> list[str]:
    """The key's, and what content policies found."""
    return own if not flags else [*own, *(f"content:{flag}" for flag in flags)]


def _service_tier(request: OpenRequest) -> str | None:
    """The tier that the answer names, so far as it was read; else the one that was asked for."""
    asked = request.parsed.service_tier if request.parsed is not None else None
    read: StreamCopy | WholeAnswer | None = request.copy or request.answer
    return (read.service_tier if read is not None else None) or asked


def _searches(request: OpenRequest) -> int:
    read: StreamCopy | WholeAnswer | None = request.copy or request.answer
    return read.searches if read is not None else 0


def _policy(request: OpenRequest) -> AppliedPolicy | None:
    """What held for the request; None where nothing was set.

    Of an account's own limits callers are told only the cap that was sent for its budget.
    """
    rules = request.rules
    nothing = not rules.applied and request.client_gone is DEFAULT_GONE
    if nothing and request.output_cap is None:
        return None
    asked = request.parsed.max_output_tokens if request.parsed is not None else None
    return AppliedPolicy(
        limits=rules.applied,
        reserved_usd=usd_text(request.reserved_nano * PICO_PER_NANO) if rules.money else None,
        output_cap=request.output_cap,
        output_cap_asked=asked if request.output_cap is not None else None,
        client_gone=request.client_gone,
    )


def _reported_usage(request: OpenRequest) -> dict[str, Any] | None:
    """The figures as the provider gave them, of a stream that broke off those that had come."""
    if request.copy is not None:
        return reported_usage(request.copy.usage)
    if request.answer is not None and request.answer.usage:
        return reported_usage([request.answer.usage])
    return None


def _model_named(request: OpenRequest) -> str | None:
    """The model that the provider says it was, so far as it can be one's name."""
    named = request.answer.model if request.answer is not None else None
    if request.copy is not None:
        named = request.copy.served_model
    return named[:MODEL_CHARACTERS_MAX].replace("\0", "") if named else None


def _used_tokens(
    prices: PriceBook, request: OpenRequest, status: Status
) -> tuple[Tokens, UsageSource]:
    """What the provider reported, else an estimate; nothing when it served nothing.

    A request that failed before any output is not charged: providers do not charge it either.
    Nor is one whose caller left in the middle of a form: of half a form nothing is served.
    """
    if not request.attempts:
        return Tokens(), "reported"  # a kept answer, or a caller who left before anybody was asked
    if request.answer is not None and request.answer.tokens is not None:
        return request.answer.tokens, "reported"
    if request.copy is not None and request.copy.reported_complete:
        return request.copy.reported, "reported"
    half_sent = request.upload is not None and not request.upload.complete
    if (status == "error" or half_sent) and request.first_chunk_ns is None:
        return Tokens(), "reported"
    if request.job_begun:
        return _worst_tokens(prices, request), "estimated"
    return _estimated_tokens(request), "estimated"


def _worst_tokens(prices: PriceBook, request: OpenRequest) -> Tokens:
    """What a job may use that nobody has seen the end of: all that it may generate."""
    if request.parsed is None or request.account is None:
        raise ValueError("only a request with an account has begun")
    parsed, output = request.parsed, request.output_bound
    if parsed.job_output_tokens is not None:
        output = parsed.job_output_tokens
    if output is None:
        price = prices.find(request.account.served_model(parsed.model) or parsed.model)
        default = price.default_max_output_tokens if price is not None else 0
        output = parsed.max_output_tokens or default
    return Tokens(input=request.input_estimate, output=output)


def _estimated_tokens(request: OpenRequest) -> Tokens:
    """The best figure there is in mid-request: reported input if any, output as streamed."""
    reported = request.copy.reported if request.copy is not None else Tokens()
    streamed = request.copy.output_estimate if request.copy is not None else 0
    if request.answer is not None:
        streamed = request.answer.output_estimate
    if request.output_bound is not None:
        # An estimate charges at most what was reserved.
        streamed = min(streamed, request.output_bound)
    has_input = reported.input or reported.cache_read or reported.cache_write_5m
    return Tokens(
        input=reported.input if has_input else request.input_estimate,
        output=max(reported.output, streamed),
        cache_read=reported.cache_read,
        cache_write_5m=reported.cache_write_5m,
        cache_write_1h=reported.cache_write_1h,
        reasoning=reported.reasoning,
        audio_input=reported.audio_input,
        audio_output=reported.audio_output,
    )


def _client(request: OpenRequest) -> str | None:
    """The caller's software as it names itself: the first product of `user-agent`."""
    agent = request.header(b"user-agent")
    return agent.split(" ", 1)[0][:CLIENT_CHARACTERS_MAX] if agent else None
