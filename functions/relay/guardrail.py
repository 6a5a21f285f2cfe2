"""Webhooks that are asked for a verdict: over the client that asks providers, signed, in time."""

import asyncio
import time
from collections.abc import Sequence

from common import secrets
from common.domain.content_policy import Phase, Webhook
from common.domain.refusals import Reason
from common.domain.standard_webhooks import signed_headers
from common.guardrails.webhooks import (
    ANSWER_BYTES_MAX,
    Asked,
    Judged,
    NoVerdict,
    body_of,
    key_purpose,
    read_verdict,
    texts_of,
)
from common.guardrails.whole_texts import Text
from common.identifiers import now_ms
from common.providers.http import UpstreamFailed
from common.telemetry import catalogue
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services

_NAME = "the guardrail"


async def judge(
    services: Services, request: OpenRequest, webhook: Webhook, phase: Phase, texts: Sequence[Text]
) -> Judged:
    """The webhook's verdict. Raises `NoVerdict` where it gives none in time."""
    if request.endpoint is None or request.key is None:
        raise ValueError("only a request of a known key is judged")
    asked = Asked(
        request.id,
        phase,
        request.endpoint.name,
        # An upload asks no model.
        request.parsed.model if request.parsed is not None else "",
        request.key.team_id,
        request.key.id,
        texts_of(texts),
    )
    body = body_of(asked)
    began_s = time.perf_counter()
    try:
        async with asyncio.timeout(webhook.timeout_ms / 1000):
            return await _ask(services, webhook, f"{request.id}.{phase}", body)
    except TimeoutError:
        raise NoVerdict(f"it did not answer within {webhook.timeout_ms} ms") from None
    finally:
        catalogue.GUARDRAIL_SECONDS.observe(time.perf_counter() - began_s, phase=phase)


async def _ask(services: Services, webhook: Webhook, message_id: str, body: bytes) -> Judged:
    """Asked again once where a connection that was kept turned out to be over."""
    try:
        return await _ask_once(services, webhook, message_id, body)
    except UpstreamFailed as failed:
        if failed.failure.reason is not Reason.UPSTREAM_CUT:
            raise NoVerdict("it could not be asked") from None
    try:
        return await _ask_once(services, webhook, message_id, body)
    except UpstreamFailed:
        raise NoVerdict("it broke the connection off") from None


async def _ask_once(services: Services, webhook: Webhook, message_id: str, body: bytes) -> Judged:
    key = secrets.derive(services.settings.internal_secret, key_purpose(webhook.url))
    headers = signed_headers(message_id, now_ms() // 1000, body, key)
    exchange = services.upstream.exchange(
        "POST", webhook.url, headers, body, _NAME, timeout_ms=webhook.timeout_ms
    )
    try:
        await exchange.open()
        answer = b""
        while (chunk := await exchange.read_chunk()) is not None:
            answer += chunk
            if len(answer) > ANSWER_BYTES_MAX:
                raise NoVerdict(f"it answered with more than {ANSWER_BYTES_MAX} bytes")
        return read_verdict(exchange.status, answer)
    finally:
        await exchange.close()
