"""Google's `generateContent`, whose model and streaming stand in the path."""

from common.translation.base import Format, StreamReader, StreamWriter
from common.translation.conversation import Answer, Conversation
from common.translation.gemini.answers import read_answer, write_answer
from common.translation.gemini.request_reader import read_request
from common.translation.gemini.request_writer import write_request
from common.translation.gemini.signatures import NAME
from common.translation.gemini.streams import GenerateStreamReader, GenerateStreamWriter


class _Generate:
    """See `common.translation.base.Format`."""

    name = NAME

    def read_request(self, body: bytes, model: str = "", *, stream: bool = False) -> Conversation:
        """See `Format`."""
        return read_request(body, model, stream=stream)

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
        return GenerateStreamReader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        """See `Format`."""
        return GenerateStreamWriter(conversation)


FORMAT: Format = _Generate()
