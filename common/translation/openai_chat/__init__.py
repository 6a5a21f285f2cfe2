"""OpenAI's chat completions, which most other servers speak, too."""

from common.translation.base import Format, StreamReader, StreamWriter
from common.translation.conversation import Answer, Conversation
from common.translation.openai_chat.answers import read_answer, write_answer
from common.translation.openai_chat.request_reader import NAME, read_request
from common.translation.openai_chat.request_writer import write_request
from common.translation.openai_chat.streams import ChatStreamReader, ChatStreamWriter


class _Chat:
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
        return ChatStreamReader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        """See `Format`."""
        return ChatStreamWriter(conversation)


FORMAT: Format = _Chat()
