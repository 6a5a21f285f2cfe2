"""Answers under a content policy: patterns as they pass, webhooks once the whole is there.

What stands between the provider and redaction's values, so that no webhook sees these.
"""

from common.dialects.base import Operation, StreamCopy
from common.dialects.surrounded import Surrounded, SurroundedCopy
from common.domain.refusals import Reason, Refusal, Refused
from common.guardrails.message_texts import answer_texts
from common.guardrails.policies import Guard
from common.guardrails.streams import StreamWatch
from common.guardrails.watching import Watched
from common.guardrails.whole_texts import Text, check
from common.providers.exchange import RESPONSE_BYTES_MAX
from functions.relay import verdicts
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services
from functions.relay.stepping import in_steps

_TOO_LARGE = "The answer is larger than what is held back for a content policy's verdict"


class OutputChecks:
    """A `common.dialects.layers.Layer`: one for each request."""

    def __init__(self, services: Services, request: OpenRequest, guard: Guard) -> None:
        self._services = services
        self._request = request
        self.guard = guard

    async def whole(self, body: bytes) -> bytes:
        """See `Layer`. Nothing of an answer that is blocked is sent."""
        request, guard = self._request, self.guard
        endpoint = request.endpoint.name if request.endpoint is not None else ""
        if guard.output_patterns:
            outcome = await in_steps(check(answer_texts(body, endpoint), guard.output_patterns))
            verdicts.flag(request, "output", outcome.flagged)
            if outcome.blocked is not None:
                self.answered()
                raise verdicts.blocked_by_pattern(request, "output", outcome.blocked.name)
        if guard.output_webhooks:
            texts = [one for one in answer_texts(body, endpoint) if one is not None]
            await self.ask(texts, too_long=False)
        return body

    def around(self, operation: Operation) -> Operation:
        """See `Layer`."""
        return Surrounded(operation, self._surround)

    def found(self, patterns: list[Watched]) -> None:
        """Flag what a stream's patterns found. Raises `Refused` for the first that blocks."""
        verdicts.flag(
            self._request, "output", [one.name for one in patterns if one.verdict == "flag"]
        )
        for one in patterns:
            if one.verdict == "block":
                self.answered()
                raise verdicts.blocked_by_pattern(self._request, "output", one.name)

    async def ask(self, texts: list[Text], *, too_long: bool) -> None:
        """Ask the webhooks. Raises `Refused`."""
        self.answered()
        webhooks = self.guard.output_webhooks
        await verdicts.ask(
            self._services, self._request, webhooks, "output", texts, too_long=too_long
        )

    def answered(self) -> None:
        """The account has served, whatever becomes of its answer here."""
        if self._request.on_served is not None:
            self._request.on_served()
            self._request.on_served = None

    def _surround(self, copy: StreamCopy) -> SurroundedCopy:
        request = self._request
        if request.dialect is None or request.endpoint is None:
            raise ValueError("the route is known before anything streams")
        made = CheckedCopy(copy, self, request.endpoint.name, request.dialect.keep_alive)
        request.before_end = made.judge if self.guard.output_webhooks else None
        return made


class CheckedCopy(SurroundedCopy):
    """A stream whose text is checked before it is sent.

    An event waits while a pattern that blocks would match if the text ended with it; all of them
    wait, or those that end the stream, where a webhook judges the whole.
    """

    def __init__(
        self, inner: StreamCopy, checks: OutputChecks, endpoint: str, keep_alive: bytes
    ) -> None:
        self._checks = checks
        self._keep_alive = keep_alive
        judged = bool(checks.guard.output_webhooks)
        self._watch = StreamWatch(endpoint, checks.guard.output_patterns, keeps=judged)
        self._waits_for_verdict = judged
        self._holds_all = checks.guard.holds_streams
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._sent = False
        self._finished = False
        self._dropped = False
        super().__init__(inner)

    def feed(self, chunk: bytes) -> bytes:
        """See `StreamCopy`. Raises `Refused` for what a pattern blocks."""
        passed = super().feed(chunk)
        if self._inner.saw_terminal:
            self._find(self._watch.end())
            passed += self._released()
        if self._held and not passed and not self._sent:
            # The head can be sent, and the caller be kept waiting.
            passed = self._keep_alive
        self._sent = self._sent or bool(passed)
        self._follow()
        return passed

    def end(self) -> bytes:
        """See `StreamCopy`. Raises `Refused`, as `feed` does."""
        self._finish()
        self._waits_for_verdict = False
        passed = self._released()
        self._follow()
        return passed

    async def judge(self) -> None:
        """The stream has ended: have it judged before its end is sent. Raises `Refused`.

        What was broken off is not: what was held back of it is never sent.
        """
        self._finish()
        if self._inner.saw_terminal:
            await self._checks.ask(self._watch.texts(), too_long=self._watch.too_long)
        elif self._held:
            self._drop()

    def changed(self, event: bytes) -> bytes:
        """See `SurroundedCopy`."""
        self._find(self._watch.read(event))
        self._held.append(event)
        self._held_bytes += len(event)
        if self._held_bytes > RESPONSE_BYTES_MAX:
            raise Refused(Refusal(Reason.GUARDRAIL_UNAVAILABLE, _TOO_LARGE))
        return self._released()

    def _released(self) -> bytes:
        """The events that need not wait any longer."""
        if self._waits_for_verdict and (self._holds_all or self._inner.saw_terminal):
            return b""
        if self._watch.pending:
            return b""
        passed = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return passed

    def _find(self, patterns: list[Watched]) -> None:
        try:
            self._checks.found(patterns)
        except Refused:
            self._drop()
            self._follow()
            raise

    def _drop(self) -> None:
        self._held.clear()
        self._dropped = True

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        passed = self._inner.end()
        for event in self._cutter.feed(passed):
            self._find(self._watch.read(event))
            self._held.append(event)
        self._find(self._watch.end())

    def _follow(self) -> None:
        super()._follow()
        # What has not been sent is not over for its caller, nor is what never will be.
        self.saw_terminal = self._inner.saw_terminal and not (self._held or self._dropped)
        self.saw_error = self._inner.saw_error and not self._dropped
