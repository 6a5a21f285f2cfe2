"""OpenAI's Responses API as a format of translation."""

from common.translation.conversation import Answer, Conversation
from common.translation.openai_responses.answer_reader import read_answer
from common.translation.openai_responses.answer_writer import write_answer
from common.translation.openai_responses.items import NAME
from common.translation.openai_responses.request_reader import read_request
from common.translation.openai_responses.request_writer import write_request
from common.translation.openai_responses.stream_reader import ResponseStreamReader
from common.translation.openai_responses.stream_writer import ResponseStreamWriter


class ResponsesFormat:
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

    def stream_reader(self) -> ResponseStreamReader:
        """See `Format`."""
        return ResponseStreamReader()

    def stream_writer(self, conversation: Conversation) -> ResponseStreamWriter:
        """See `Format`."""
        return ResponseStreamWriter(conversation)


FORMAT = ResponsesFormat()
