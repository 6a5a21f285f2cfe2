"""Anthropic's messages."""

from common.translation.anthropic.answers import read_answer, write_answer
from common.translation.anthropic.request_reader import NAME, read_request
from common.translation.anthropic.request_writer import write_request
from common.translation.anthropic.streams import MessageStreamReader, MessageStreamWriter
from common.translation.base import Format, StreamReader, StreamWriter
from common.translation.conversation import Answer, Conversation


class _Messages:
    """See `common.translation.base.Format`."""

    name = NAME

    def read_request(self, body: bytes, model: str = "", *, stream: bool = False) -> Conversation:
        """See `Format`; the body names the model, and says whether to stream."""
        del model, stream
        return read_request(body)

    def write_request(self, conversation: Conversation, served_model: str) -> bytes:
        """See `Format`."""
        return write_request(conversation, served_model)

    def read_answer(self, body: bytes) -> Answer:
        """See `Format`."""
        return read_answer(body)

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        """See `Format`."""
        return write_answer(answer, conversation)

    def stream_reader(self) -> StreamReader:
        """See `Format`."""
        return MessageStreamReader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        """See `Format`."""
        return MessageStreamWriter(conversation)


FORMAT: Format = _Messages()
