"""A caller's endpoint at a provider that speaks another format."""

import msgspec

from common.dialects import OPERATIONS
from common.dialects.base import (
    JSON,
    ArrivingRequest,
    BadRequest,
    Operation,
    ParsedRequest,
    StreamCopy,
    WholeAnswer,
)
from common.dialects.events import UnreadableStream
from common.domain.ids import InvalidId, ulid_time_ms
from common.domain.refusals import Refusal
from common.translation.base import Format
from common.translation.conversation import Begun, CannotExpress, Conversation, Event
from common.translation.formats import FORMAT_OF_ENDPOINT, FORMATS, OPERATION_OF_FORMAT

# What reading a provider's bytes can raise.
_UNREADABLE = (ValueError, RecursionError)


def translated(
    endpoint_name: str, target_format: str, request_id: str = ""
) -> "TranslatedOperation":
    """An operation for one request of a caller's endpoint, served in `target_format`.

    It remembers the request that it prepared, so each request (and each attempt in another format)
    has its own. `request_id` names answers of providers that give them no id. Raises `KeyError`
    for an endpoint or a format that is no conversation.
    """
    return TranslatedOperation(
        OPERATIONS[endpoint_name],
        FORMATS[FORMAT_OF_ENDPOINT[endpoint_name]],
        OPERATIONS[OPERATION_OF_FORMAT[target_format]],
        FORMATS[target_format],
        request_id,
    )


class TranslatedOperation:
    """See `common.dialects.base.Operation`: the caller's request and answer, the provider's meter.

    What the provider used is read from its own bytes by its own dialect's operation.
    """

    def __init__(
        self,
        caller: Operation,
        caller_format: Format,
        provider: Operation,
        provider_format: Format,
        request_id: str,
    ) -> None:
        self.media_type = caller.media_type
        self._caller = caller
        self._caller_format = caller_format
        self._provider = provider
        self._provider_format = provider_format
        self._request_id = request_id
        self._conversation = Conversation(model="")
        # The last answer: what was read, whose request it was, what was written.
        self._answer: tuple[bytes, str, bytes] | None = None

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`; the caller's body."""
        return self._caller.parse_request(body, content_type)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """The request in the provider's format.

        Raises `BadRequest` with the caller's field for what that format cannot express.
        """
        del content_type
        conversation = self._caller_format.read_request(body, parsed.model, stream=parsed.stream)
        self._conversation = conversation
        try:
            return self._provider_format.write_request(conversation, served_model)
        except CannotExpress as error:
            field = field_of(conversation, error.attribute)
            message = f"{field!r} cannot be passed on to the provider of {parsed.model!r}"
            raise BadRequest(f"{message}: {error.message}", field) from None

    def arriving_request(self, content_type: str) -> ArrivingRequest | None:
        """See `Operation`. A conversation is translated whole."""
        del content_type
        return None

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`; None also for an answer that the caller's format cannot express."""
        whole = self._provider.read_answer(body, content_type)
        if whole is None:
            return None
        try:
            self.answer_for_caller(body, self._request_id)
        except (*_UNREADABLE, CannotExpress):
            return None
        return whole

    def answer_for_caller(self, body: bytes, request_id: str) -> bytes:
        """See `Operation`. Raises `ValueError`, `CannotExpress` for what `read_answer` refuses."""
        done = self._answer
        if done is not None and done[0] is body and done[1] == request_id:
            return done[2]
        answer = self._provider_format.read_answer(body)
        named = _named(answer.id, answer.created_s, request_id)
        answer = msgspec.structs.replace(answer, id=named[0], created_s=named[1])
        written = self._caller_format.write_answer(answer, self._conversation)
        self._answer = (body, request_id, written)
        return written

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`. Raises `NotStreamed`."""
        # The provider is always asked for figures: whether the caller sees them, the writer knows.
        asked = msgspec.structs.replace(parsed, include_usage=True)
        return TranslatedStreamCopy(
            self._provider.stream_copy(asked),
            self._provider_format,
            self._caller_format,
            self._conversation,
            self._request_id,
        )

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`; the caller's."""
        return self._caller.stream_error_event(refusal, request_id)


class TranslatedStreamCopy:
    """See `common.dialects.base.StreamCopy`: reads the provider's events, writes the caller's.

    All figures and flags are those of the provider's own copy.
    """

    def __init__(
        self,
        copy: StreamCopy,
        provider: Format,
        caller: Format,
        conversation: Conversation,
        request_id: str,
    ) -> None:
        self._copy = copy
        self._reader = provider.stream_reader()
        self._writer = caller.stream_writer(conversation)
        self._request_id = request_id
        # What the provider keeps, the caller's format cannot ask for.
        self.stored_id: str | None = None
        self._take_figures()

    @property
    def output_estimate(self) -> int:
        """See `StreamCopy`."""
        return self._copy.output_estimate

    def feed(self, chunk: bytes) -> bytes:
        """See `StreamCopy`. Raises `UnreadableStream`."""
        whole = self._copy.feed(chunk)
        self._take_figures()
        try:
            return self._bytes_of(self._reader.feed(whole)) if whole else b""
        except _UNREADABLE as error:
            raise UnreadableStream(str(error)) from error

    def end(self) -> bytes:
        """See `StreamCopy`. An end that cannot be read is none."""
        whole = self._copy.end()
        self._take_figures()
        try:
            return self._bytes_of(self._reader.feed(whole) + self._reader.end())
        except _UNREADABLE:
            self.saw_terminal = False
            return b""

    def _take_figures(self) -> None:
        copy = self._copy
        self.reported, self.reported_complete = copy.reported, copy.reported_complete
        self.saw_terminal, self.saw_error = copy.saw_terminal, copy.saw_error
        self.served_model, self.service_tier = copy.served_model, copy.service_tier
        self.searches, self.usage = copy.searches, copy.usage

    def _bytes_of(self, events: list[Event]) -> bytes:
        return b"".join([self._writer.write(self._named(event)) for event in events])

    def _named(self, event: Event) -> Event:
        if not isinstance(event, Begun):
            return event
        named = _named(event.id, event.created_s, self._request_id)
        return msgspec.structs.replace(event, id=named[0], created_s=named[1])


def _named(given_id: str, created_s: int, request_id: str) -> tuple[str, int]:
    """An answer's id and time; the request's, where the provider's format has none."""
    if not created_s:
        try:
            created_s = ulid_time_ms(request_id) // 1000
        except InvalidId:
            created_s = 0
    return given_id or request_id, created_s


def field_of(conversation: Conversation, attribute: str) -> str:
    """The caller's field of an attribute, by the longest part of its path that has a name.

    Without any it has the attribute's own, as far as that is not of Relay's making.
    """
    path = attribute.split(".")
    for length in range(len(path), 0, -1):
        named = conversation.fields.get(".".join(path[:length]))
        if named is not None:
            return named
    return attribute.partition(".parts")[0]
