"""Bedrock's framed streams, read as the server-sent events that all else of Relay reads."""

from common.dialects.bedrock.framing import BrokenFrame, Unframed
from common.domain.refusals import Reason
from common.providers.base import Failure
from common.providers.http import Exchange, UpstreamFailed

SERVER_SENT = "text/event-stream"


class UnframedExchange(Exchange):
    """An exchange whose answer has begun and is framed. Closing it closes the one below."""

    def __init__(self, framed: Exchange, *, invoked: bool) -> None:
        self._framed = framed
        self._frames = Unframed(invoked=invoked)
        self.provider = framed.provider
        self.status = framed.status
        self.headers = [
            (name, SERVER_SENT if name == "content-type" else value)
            for name, value in framed.headers
        ]

    @property
    def has_head(self) -> bool:
        """See `Exchange`."""
        return self._framed.has_head

    async def read_chunk(self) -> bytes | None:
        """The events of the next whole frames, None at the end. Raises `UpstreamFailed`."""
        while (chunk := await self._framed.read_chunk()) is not None:
            try:
                if events := self._frames.feed(chunk):
                    return events
            except BrokenFrame as error:
                message = f"{self.provider} sent what is no stream of events: {error}"
                raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message)) from error
        if not self._frames.is_whole:
            message = f"{self.provider} broke the stream off in the middle of a frame"
            raise UpstreamFailed(Failure(Reason.UPSTREAM_CUT, message))
        return None

    async def close(self) -> None:
        """See `Exchange`."""
        await self._framed.close()
