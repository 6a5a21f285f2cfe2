"""One request on its way, from its first header to its settled record."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from common.asgi import PART_NOW
from common.dialects.base import (
    Dialect,
    Operation,
    ParsedRequest,
    StreamCopy,
    WholeAnswer,
    estimate_tokens,
)
from common.dialects.layers import Layer
from common.domain.account_health import Rest
from common.domain.content_rules import ContentRules
from common.domain.keys import KeyRecord
from common.domain.limits import NO_RULES, RuleSet
from common.domain.policies import DEFAULT_GONE, Applied, AppliedGone
from common.domain.prices import PriceBook
from common.domain.refusals import Reason
from common.domain.reservation import Bound
from common.domain.usage import Tokens
from common.providers.http import Exchange
from functions.relay.endpoints import Endpoint
from functions.relay.snapshots import UsableAccount
from functions.relay.upload import Upload

if TYPE_CHECKING:
    from common.domain.response_cache import CacheWish
    from functions.relay.translating import Translation

# Why a request was ended from outside its own coroutine.
Interruption = Literal[
    "client_gone",
    "deadline",
    "idle",
    "first_byte",
    "first_token",
    "caller_silent",
    "shutdown",
]


class OpenRequest:
    """What the stages learn of a request. `interruption` says who ended it early."""

    # What is not known before the end.
    status: int = 0
    reason: Reason | None = None
    answer: WholeAnswer | None = None
    tokens: Tokens = Tokens()
    response_started: bool = False
    # The caller was sent the whole answer: whatever comes after it spoils nothing.
    complete: bool = False
    # A job: its provider is being asked, so it may run whatever is heard of it; and it is kept as
    # one that goes on, to be settled when its provider says what it used.
    job_begun: bool = False
    entrusted: bool = False
    # The query of a path that names a model, and the endpoint's own operation.
    query: str = ""
    own_operation: Operation | None = None
    # Whether any account that may serve speaks another format than the caller.
    may_translate: bool = False
    # The account that is asked speaks another format than the caller: `operation` translates. By
    # format what was translated so far.
    translates: bool = False
    translations: "dict[str, Translation] | None" = None
    # What its levels say about content, nearest first, and what therefore stands between the answer
    # and its caller, from the provider's side outwards.
    content: tuple[ContentRules, ...] = ()
    layers: tuple[Layer, ...] = ()
    # What content policies found, by name; and what is to be done before a stream's end is sent.
    content_flags: tuple[str, ...] = ()
    before_end: Callable[[], Awaitable[None]] | None = None
    # How many values were found by redaction, in the request and in its answer.
    redactions: int = 0
    # What it wants of the response cache, where its policy keeps answers; and whether it was
    # answered by one.
    cache_wish: "CacheWish | None" = None
    cache_hit: bool = False
    # The format in which the account is asked, and its name for the model.
    target: str = ""
    served: str = ""
    # The output cap that a hard budget rests on, whether it is the caller's own or not.
    reserved_cap: int | None = None
    # The account rested after failures, and this request alone tries it again; what is done when
    # an answer of its begins.
    probes: bool = False
    on_served: Callable[[], None] | None = None
    # The account of the last attempt, and how it rests, where settle is to tell.
    failed_account: tuple[str, Rest | None] = ("", None)
    # Where it is kept which account serves its conversation, once that was looked up, and which.
    sticky_key: str | None = None
    sticky_account: str | None = None

    def __init__(self, request_id: str, scope: dict[str, Any], address: str) -> None:
        self.id = request_id
        self.address = address
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._named: dict[bytes, bytes] | None = None
        # Sends a part of the answer without waiting, where the server can; False: wait now.
        self.part_now: Callable[[bytes], bool] | None = scope.get("extensions", {}).get(PART_NOW)
        self.started_ns = time.perf_counter_ns()
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.interruption: Interruption | None = None
        # The caller left and the provider is not stopped: it has not begun to answer (see
        # `forward`), or its stream is read on for its figures, until that moment.
        self.caller_gone = False
        self.client_gone: AppliedGone = DEFAULT_GONE
        self.drain_until_ns: int | None = None

        self.endpoint: Endpoint | None = None
        self.method = ""
        self.path_id = ""
        # By which the account is asked.
        self.operation: Operation | None = None
        self.dialect: Dialect | None = None
        self.parsed: ParsedRequest | None = None
        self.body = b""
        self.body_size = 0
        # The body, where it is passed on as it arrives; then `body` is empty.
        self.upload: Upload | None = None
        self.key_hash = ""
        self.key: KeyRecord | None = None
        # The levels that say who may use the key, and how.
        self.access: tuple[Applied, ...] = ()
        # Those that bind it to accounts, or say what is asked when no account can serve.
        self.routing: tuple[Applied, ...] = ()
        # The one account that may serve: it keeps the response that this request goes on from.
        self.pinned_account_id: str | None = None

        # The limits and budgets that apply, and the prices that hold until its end; whether
        # anything is counted, by these or by an account's own, which are the last; what the body
        # can use at most, once it was read for that; what is reserved for it, the output it stops
        # at, and the cap to send if another than the caller's.
        self.rules: RuleSet = NO_RULES
        self.prices: PriceBook | None = None
        self.counted = False
        self.account_rules: RuleSet = NO_RULES
        self.bound: Bound | None = None
        self.reserved_nano = 0
        self.output_bound: int | None = None
        self.output_cap: int | None = None
        self.limit_headers: list[tuple[bytes, bytes]] = []
        # How long it waited for a place, if it did.
        self.queued_ms: int | None = None

        self.account: UsableAccount | None = None
        self.attempts = 0
        self.exchange: Exchange | None = None
        self.copy: StreamCopy | None = None
        self.first_chunk_ns: int | None = None
        self.last_chunk_ns = self.started_ns
        self.last_sent_ns = self.started_ns
        self.waiting_for_provider = False
        self.keep_alive: Callable[[], None] | None = None
        self.pings: set[asyncio.Task[None]] = set()
        self.streaming = False
        # The answer is bytes without events: it can only be broken off, not ended by an error.
        self.raw = False
        # The lease is open; or the call that may have opened it was lost on its way.
        self.admitted = False
        self.admission_unknown = False

    @property
    def is_bounded(self) -> bool:
        """Whether a hard budget, of a level or of the account, rests on what is reserved."""
        return self.rules.hard_money or self.account_rules.hard_money

    @property
    def draining(self) -> bool:
        """Whether the answer is read for its figures alone, and nobody is sent anything."""
        return self.drain_until_ns is not None

    def drain(self, exchange: Exchange | None) -> bool:
        """The caller left: read on if its tenant wants that and there is something to learn."""
        chosen = self.client_gone.chosen
        # A job goes on by itself, and is asked for its figures later.
        if chosen.policy != "drain" or exchange is None or self.raw or self.job_begun:
            return False
        self.keep_alive = None
        self.drain_until_ns = time.perf_counter_ns() + chosen.drain_seconds * 1_000_000_000
        return True

    @property
    def input_estimate(self) -> int:
        """Input tokens as estimated from the body, until the provider reports them."""
        if self.parsed is not None and self.parsed.input_estimate is not None:
            return self.parsed.input_estimate
        return estimate_tokens(self.body_size)

    @property
    def content_type(self) -> str:
        """The body's media type with its parameters, as sent."""
        return self.header(b"content-type") or ""

    @property
    def tenant(self) -> str:
        """The team, or the key where it has none. The key must be known."""
        if self.key is None:
            raise ValueError("the key comes before its tenant")
        return self.key.team_id or self.key.id

    @property
    def latency_ms(self) -> int:
        """Milliseconds since the request's head was read."""
        return (time.perf_counter_ns() - self.started_ns) // 1_000_000

    @property
    def first_token_ms(self) -> int | None:
        """Milliseconds until the provider's first bytes were there; None without any."""
        if self.first_chunk_ns is None:
            return None
        return (self.first_chunk_ns - self.started_ns) // 1_000_000

    @property
    def goes_on(self) -> bool:
        """Whether it is a job that goes on without this process, which has not seen its end."""
        return self.entrusted and not (self.copy is not None and self.copy.reported_complete)

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name."""
        if self._named is None:
            self._named = dict(reversed(self.headers))
        value = self._named.get(name)
        return None if value is None else value.decode("latin-1")

    def interrupt(self, why: Interruption) -> None:
        """End the request from outside; the first reason stays."""
        if self.interruption is None and self.task is not None:
            self.interruption = why
            self.task.cancel()

    def take_interruption(self) -> Interruption | None:
        """After a `CancelledError`: the reason, if the cancellation was `interrupt`'s."""
        if self.interruption is not None and self.task is not None:
            self.task.uncancel()
        return self.interruption
