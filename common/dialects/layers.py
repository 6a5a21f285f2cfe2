"""Layers: what stands between an answer in the caller's dialect and its caller. Pure."""

from typing import Protocol

from common.dialects.base import Operation


class Layer(Protocol):
    """Changes or watches answers: whole ones and streams, before they are sent.

    From the provider's side outwards: the response cache keeps what it sees, a guardrail judges
    it, and redaction's values are put back last, so that neither of the others sees them.
    """

    async def whole(self, body: bytes) -> bytes:
        """A whole answer, in the caller's dialect, as the next layer is to have it.

        Raises `Refused` for one that the caller may not have.
        """
        ...

    def around(self, operation: Operation) -> Operation:
        """The operation with this layer around its streams (`common/dialects/surrounded.py`)."""
        ...
