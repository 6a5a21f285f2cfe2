"""What every format offers to translation: its requests, answers and streams, read and written."""

from typing import Protocol

from common.translation.conversation import Answer, Conversation, Event


class StreamReader(Protocol):
    """A provider's stream, read. Bytes may be split anywhere."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes as they come. Raises `common.dialects.events.EventTooLarge`, `ValueError`."""
        ...

    def end(self) -> list[Event]:
        """The provider has ended; events that only lacked their last line end."""
        ...


class StreamWriter(Protocol):
    """A stream for a caller, written event by event."""

    def write(self, event: Event) -> bytes:
        """The bytes that say this; `Finished` writes all that ends the stream."""
        ...


class Format(Protocol):
    """One wire format. Each method raises what is named there, and nothing else."""

    name: str

    def read_request(self, body: bytes, model: str = "", *, stream: bool = False) -> Conversation:
        """Read a caller's body; `model` and `stream` are given where the path says them.

        A member that the conversation has no place for is refused by its name, not dropped.
        Raises `common.dialects.base.BadRequest`.
        """
        ...

    def write_request(self, conversation: Conversation, served_model: str) -> bytes:
        """The body for a provider. Raises `CannotExpress`."""
        ...

    def read_answer(self, body: bytes) -> Answer:
        """Read a provider's whole answer. Raises `ValueError` when it is none."""
        ...

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        """The answer for a caller, whose request it follows. Raises `CannotExpress`."""
        ...

    def stream_reader(self) -> StreamReader:
        """Begin to read a stream."""
        ...

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        """Begin to write a stream."""
        ...
