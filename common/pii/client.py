"""Asks the function `pii`, and waits for one that is just starting.

Whoever asks waits for `timeout_ms` at most, through refusals and lost connections: a cold start is
no failure. Once somebody waited so long in vain, the others are told at once, and one at a time
tries on, until there is an answer again.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from common.domain.refusals import Reason
from common.pii.wire import AUTHORIZATION, FIND_PATH, Ask, Findings, authorization
from common.pii_settings import PiiClient
from common.providers.http import UpstreamClient, UpstreamFailed
from common.redaction.model_findings import ModelUnavailable
from common.telemetry import catalogue, logs

PAUSE_S_FIRST = 0.05
PAUSE_S_MAX = 1.0
# Not there yet, or too busy: by `pii` itself, or by what stands before it.
_PASSING = frozenset({429, 502, 503, 504})
_NAME = "pii"


class PiiService:
    """The function `pii` at its address."""

    def __init__(self, settings: PiiClient, internal_secret: str, upstream: UpstreamClient) -> None:
        self._timeout_s = settings.timeout_ms / 1000
        self._url = settings.url + FIND_PATH
        self._headers = [
            ("content-type", "application/json"),
            (AUTHORIZATION, authorization(internal_secret)),
        ]
        self._upstream = upstream
        self._answered_at = float("-inf")
        self._is_down = False
        self._is_tried = False

    async def ask(self, texts: Sequence[str], language: str | None, until: float) -> Findings:
        """What is found in each text, until a moment of the loop. Raises `ModelUnavailable`."""
        if not self._is_down:
            return await self._counted(texts, language, until)
        if self._is_tried:
            raise ModelUnavailable("pii gives no answer; it is being tried again")
        self._is_tried = True
        try:
            return await self._counted(texts, language, until)
        finally:
            self._is_tried = False

    async def _counted(self, texts: Sequence[str], language: str | None, until: float) -> Findings:
        try:
            findings = await self._ask(texts, language, until)
        except ModelUnavailable as error:
            catalogue.PII_ASKS.increment(result="unavailable")
            # Nobody had an answer for the whole time.
            if self._answered_at < until - self._timeout_s and not self._is_down:
                self._is_down = True
                logs.log("pii_unavailable", level="error", reason=error.reason)
            raise
        catalogue.PII_ASKS.increment(result="ok")
        self._answered_at = asyncio.get_running_loop().time()
        if self._is_down:
            self._is_down = False
            logs.log("pii_available")
        return findings

    async def _ask(self, texts: Sequence[str], language: str | None, until: float) -> Findings:
        body = msgspec.json.encode(Ask(list(texts), language))
        loop = asyncio.get_running_loop()
        pause_s = PAUSE_S_FIRST
        reason = "gave no answer"
        while (left_s := until - loop.time()) > 0:
            wait_s = pause_s
            try:
                status, answer, retry_after_s = await self._exchange(body, left_s)
            except UpstreamFailed as error:
                if error.failure.reason is Reason.UPSTREAM_TIMEOUT:
                    break
                reason = error.failure.message.removeprefix(f"{_NAME} ")
            else:
                if status == 200:
                    return _findings(answer, len(texts))
                reason = f"answered {status}"
                if status not in _PASSING:
                    raise ModelUnavailable(f"pii {reason}{_hint(status)}")
                wait_s = max(pause_s, min(retry_after_s, PAUSE_S_MAX))
            await asyncio.sleep(min(wait_s, max(until - loop.time(), 0)))
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
        raise ModelUnavailable(f"pii {reason} within {self._timeout_s * 1000:.0f} ms")

    async def _exchange(self, body: bytes, left_s: float) -> tuple[int, bytes, float]:
        """Status, body, and after how many seconds to ask again."""
        exchange = self._upstream.exchange(
            "POST", self._url, self._headers, body, _NAME, timeout_ms=max(int(left_s * 1000), 1)
        )
        try:
            await exchange.open()
            answer = await exchange.read_all()
            named = exchange.header("retry-after") or ""
            return exchange.status, answer, float(named) if named.isdigit() else 0.0
        finally:
            await exchange.close()


def _findings(answer: bytes, count: int) -> Findings:
    try:
        findings = msgspec.json.decode(answer, type=Findings)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ModelUnavailable("pii answered with what is no answer of it") from None
    if len(findings.found) != count:
        raise ModelUnavailable("pii answered for another number of texts")
    return findings


def _hint(status: int) -> str:
    if status == 401:
        return ": give both functions the same RELAY_INTERNAL_SECRET"
    return ": RELAY_PII_URL may lead elsewhere" if status == 404 else ""
