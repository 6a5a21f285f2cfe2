"""What every dialect offers: one wire format, read and written. Pure."""

from collections.abc import Sequence
from typing import Protocol, Self

import msgspec

from common.domain.jobs import JobKind
from common.domain.rates import Rate
from common.domain.refusals import Refusal
from common.domain.usage import Tokens

# Bytes of JSON that count as one token until the provider reports its own figure. English text
# has some four characters a token; JSON's own characters make the estimate a little high.
BYTES_PER_TOKEN = 4
WORD_CHARACTERS_MAX = 64

JSON = "application/json"
FORM = "multipart/form-data"
Headers = list[tuple[bytes, bytes]]


class BadRequest(Exception):
    """The body is not what the endpoint takes; `field` is written as the dialect's API would."""

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status


class NotStreamed(Exception):
    """The endpoint has no streams, whatever a provider sends."""


class ParsedRequest(msgspec.Struct, frozen=True):
    """What routing and metering need of a body.

    `max_output_tokens` is the caller's own cap per choice; `include_usage` says that the caller
    reads usage figures in the stream; `stream_options` holds that member's bytes if present.
    `input_estimate` are input tokens where the body's size does not tell them. `follows` is the
    stored response that this one goes on from, and `stored` says that the provider keeps it. `job`
    says that it goes on after it was answered, `job_output_tokens` what a whole batch may generate.
    `service_tier` is the one that was asked for.
    """

    model: str
    stream: bool = False
    max_output_tokens: int | None = None
    choices: int = 1
    include_usage: bool = True
    stream_options: bytes | None = None
    input_estimate: int | None = None
    follows: str | None = None
    stored: bool = False
    job: JobKind | None = None
    job_output_tokens: int | None = None
    service_tier: str | None = None


class WholeAnswer(msgspec.Struct, frozen=True):
    """What a whole answer says of itself.

    `tokens` is None when the provider reports none; `stored_id` is what it keeps it under.
    `unfinished`: it is a job that goes on, of that id. `service_tier` is how it was served, in the
    provider's words, and `searches` are web searches that the provider ran; `usage` holds the
    figures as they came, JSON.
    """

    tokens: Tokens | None
    model: str | None
    output_estimate: int
    stored_id: str | None = None
    unfinished: bool = False
    service_tier: str | None = None
    searches: int = 0
    usage: bytes = b""


class StreamCopy(Protocol):
    """One event stream on its way from a provider to a caller.

    `usage` holds the figures as they came, JSON objects of which later ones add to earlier ones.
    """

    reported: Tokens
    reported_complete: bool
    saw_terminal: bool
    saw_error: bool
    served_model: str | None
    stored_id: str | None
    service_tier: str | None
    searches: int
    usage: list[bytes]

    @property
    def output_estimate(self) -> int:
        """Tokens of output seen so far, from the size of what streamed."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they come; gives the whole events to send on. Raises `EventTooLarge`."""
        ...

    def end(self) -> bytes:
        """The provider has ended: the last event, if only its blank line was missing."""
        ...


class ArrivingRequest(Protocol):
    """A body that is read as it arrives, so that a provider can be asked before all is here."""

    @property
    def is_routable(self) -> bool:
        """Whether enough is known to choose and ask a provider."""
        ...

    def feed(self, chunk: bytes) -> None:
        """Read on, before that is passed on. Raises `BadRequest`."""
        ...

    def end(self) -> None:
        """All is here. Raises `BadRequest` for a body that is not complete."""
        ...

    def parsed(self) -> ParsedRequest:
        """What is known by now. Raises `BadRequest`."""
        ...

    def prepared(self, read: bytes, served_model: str) -> bytes:
        """The body's beginning, as far as it was read, as the provider is to have it."""
        ...


class Operation(Protocol):
    """One endpoint of a dialect: its request, its answer, its stream."""

    media_type: str

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """Read a body. Raises `BadRequest`."""
        ...

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """The body for the provider: the original bytes but for what Relay must change."""
        ...

    def arriving_request(self, content_type: str) -> ArrivingRequest | None:
        """A reader for a body that may be long; None where bodies are read whole.

        Raises `BadRequest`.
        """
        ...

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """Read a whole answer; None when the bytes are no answer of this endpoint."""
        ...

    def answer_for_caller(self, body: bytes, request_id: str) -> bytes:
        """The whole answer as its caller is to have it; `read_answer` has read it before."""
        ...

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """Begin to copy a stream. Raises `NotStreamed`."""
        ...

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """The event that ends a stream which cannot go on."""
        ...


class PathOperation(Operation, Protocol):
    """An endpoint whose model stands in its path."""

    def for_path(self, model: str, query: str = "") -> Self:
        """The operation for requests to that model; `query` is the URL's. Raises `BadRequest`."""
        ...


class Dialect(Protocol):
    """What all endpoints of a provider's API have in common.

    `keep_alive` is what a quiet stream may carry between two events.
    """

    name: str
    keep_alive: bytes

    def error_response(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body of a refusal, as the dialect's SDKs parse them."""
        ...

    def rate_limit_headers(self, rates: Sequence[Rate], now_ms: int) -> Headers:
        """What is left of limits per minute, in the names and formats of the dialect."""
        ...

    def is_error_body(self, body: bytes) -> bool:
        """Whether the dialect's SDKs can parse this as an error."""
        ...

    def models_response(self, models: list[str], query: str) -> bytes:
        """The list of models. Raises `BadRequest` for a query that has no meaning."""
        ...

    def model_response(self, model: str) -> bytes:
        """One model."""
        ...


def estimate_tokens(size: int) -> int:
    """Tokens in that many bytes of text or JSON, rounded up."""
    return -(-size // BYTES_PER_TOKEN)


def word(value: object) -> str | None:
    """A short text, such as a tier's name; None for anything else."""
    return value[:WORD_CHARACTERS_MAX].replace("\0", "") if isinstance(value, str) else None


def text_size(text: str) -> int:
    """The bytes of a text; characters would count Chinese as a third of what it is."""
    return len(text) if text.isascii() else len(text.encode())
