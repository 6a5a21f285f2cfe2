"""AWS Bedrock's Converse, for which only providers are asked: no caller speaks it to Relay."""

from typing import NoReturn

from common.dialects.base import BadRequest
from common.translation.base import Format, StreamReader, StreamWriter
from common.translation.conversation import Answer, CannotExpress, Conversation
from common.translation.converse.answers import NAME, read_answer
from common.translation.converse.request_writer import write_request
from common.translation.converse.streams import ConverseStreamReader


class _Converse:
    """See `common.translation.base.Format`; the caller's side of it is not there."""

    name = NAME

    def read_request(self, body: bytes, model: str = "", *, stream: bool = False) -> Conversation:
        """Refused: there is no such endpoint. Raises `BadRequest`."""
        del body, model, stream
        raise BadRequest("Converse is not served to callers")

    def write_request(self, conversation: Conversation, served_model: str) -> bytes:
        """See `Format`."""
        return write_request(conversation, served_model)

    def read_answer(self, body: bytes) -> Answer:
        """See `Format`."""
        return read_answer(body)

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        """Refused: nobody asks for one. Raises `CannotExpress`."""
        del answer, conversation
        _not_served()

    def stream_reader(self) -> StreamReader:
        """See `Format`."""
        return ConverseStreamReader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        """Refused: nobody asks for one. Raises `CannotExpress`."""
        del conversation
        _not_served()


def _not_served() -> NoReturn:
    raise CannotExpress("model", "Converse is not served to callers")


FORMAT: Format = _Converse()
