"""What an exchange with a provider is for those who forward, whichever client makes it."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from common.domain.refusals import Reason
from common.providers.base import UNREACHABLE_MS, Failure

RESPONSE_BYTES_MAX = 64 * 1024 * 1024
# What arrived together is handed over together; nothing more is read while as much waits.
TOGETHER_BYTES_MAX = 64 * 1024
DETAIL_CHARACTERS_MAX = 200

# Who takes chunks where they arrive; tells whether it takes the next one, too.
Take = Callable[[bytes], bool]


class UpstreamFailed(Exception):
    """No usable answer came; carries what that means for the account."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class NotConnected(Exception):
    """No connection was made, so nothing was asked."""


class StreamedBody(NamedTuple):
    """A request's body that is sent as it comes; a `length` of None is sent in chunks.

    What `chunks` raises breaks the request off before its end, and `Exchange.open` raises it.
    """

    chunks: AsyncIterator[bytes]
    length: int | None


class Exchange:
    """One request to a provider and its answer, open until `close`."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.status = 0
        # Names in lower case.
        self.headers: list[tuple[str, str]] = []

    async def open(self) -> None:
        """Send, and wait for the answer's head. Raises `UpstreamFailed`."""
        raise NotImplementedError

    @property
    def has_head(self) -> bool:
        """Whether the answer has begun."""
        raise NotImplementedError

    async def read_chunk(self) -> bytes | None:
        """The next bytes as they arrive, None at the end. Raises `UpstreamFailed`.

        What is here already comes with the first: to read on costs a microsecond, to pass on fifty.
        What came before a failure comes before it is raised.
        """
        raise NotImplementedError

    async def pass_on(self, take: Take) -> bool:
        """Hand each chunk to `take` as it arrives, until it takes no more; True at the end.

        Raises `UpstreamFailed`, and whatever `take` raises.
        """
        while (chunk := await self.read_chunk()) is not None:
            if not take(chunk):
                return False
        return True

    async def close(self) -> None:
        """End the exchange; an answer that was not read to its end is cancelled upstream."""
        raise NotImplementedError

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        for candidate, value in self.headers:
            if candidate == name:
                return value
        return None

    async def read_all(self) -> bytes:
        """The whole body, bounded. Raises `UpstreamFailed`."""
        chunks: list[bytes] = []
        size = 0
        while (chunk := await self.read_chunk()) is not None:
            chunks.append(chunk)
            size += len(chunk)
            if size > RESPONSE_BYTES_MAX:
                raise UpstreamFailed(
                    Failure(Reason.UPSTREAM_GARBAGE, f"{self.provider} answered too much")
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def failed(error: BaseException, provider: str) -> UpstreamFailed:
    """What an error of an exchange means for the account."""
    if isinstance(error, UpstreamFailed):
        return error
    if isinstance(error, NotConnected):
        failure = Failure(
            Reason.UPSTREAM_UNREACHABLE,
            f"{provider} could not be reached",
            cooldown_ms=UNREACHABLE_MS,
            retry_after_ms=UNREACHABLE_MS,
            detail=str(error)[:DETAIL_CHARACTERS_MAX] or None,
        )
    elif isinstance(error, TimeoutError):
        failure = Failure(Reason.UPSTREAM_TIMEOUT, f"{provider} did not answer in time")
    else:
        detail = f"{type(error).__name__}: {error}"[:DETAIL_CHARACTERS_MAX]
        message = f"{provider} broke the connection off"
        failure = Failure(Reason.UPSTREAM_CUT, message, detail=detail)
    return UpstreamFailed(failure)
