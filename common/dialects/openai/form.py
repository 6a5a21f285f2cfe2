"""What OpenAI's endpoints that take files have in common."""

from common.dialects.base import FORM, JSON, BadRequest, ParsedRequest, estimate_tokens
from common.dialects.bodies import check_model, check_names
from common.dialects.forms import Form, FormScanner, check_texts, read_form, set_field, text_of
from common.dialects.openai.errors import stream_error_event
from common.domain.refusals import Refusal

# What Relay reads of a form, besides whether a file is there.
FIELDS = ("model", "stream", "prompt")


class FormReader:
    """See `common.dialects.base.ArrivingRequest`. Keeps only the fields that Relay reads.

    A provider can be asked once the model is known and a file has begun. Whatever else Relay
    reads may come later; a form that names its model last is read to there.
    """

    def __init__(
        self, content_type: str, file_fields: tuple[str, ...], default_model: str | None
    ) -> None:
        self._scanner = FormScanner(content_type)
        self._file_fields = file_fields
        self._default_model = default_model
        self._texts: dict[str, str] = {}
        self._seen = 0  # parts whose values were read
        self._tail = b""  # the end of what was fed, from where a value that counts may begin
        self._size = 0

    @property
    def is_routable(self) -> bool:
        """See `ArrivingRequest`."""
        return "model" in self._texts and self._has_file()

    def feed(self, chunk: bytes) -> None:
        """See `ArrivingRequest`."""
        self._tail += chunk
        self._size += len(chunk)
        self._scanner.feed(chunk)
        parts = self._scanner.parts
        check_names((part.name for part in parts), FIELDS + self._file_fields)
        check_texts(parts, FIELDS, self._size)
        tail_from = self._size - len(self._tail)
        for part in parts[self._seen :]:
            if part.end >= 0:
                self._seen += 1
                if part.name in FIELDS:
                    value = self._tail[part.start - tail_from : part.end - tail_from]
                    self._texts[part.name] = text_of(part.name, value)
        kept = self._size
        if parts and parts[-1].end < 0 and parts[-1].name in FIELDS:
            kept = parts[-1].start
        self._tail = self._tail[max(0, kept - tail_from) :]

    def end(self) -> None:
        """See `ArrivingRequest`."""
        self._scanner.end()

    def parsed(self) -> ParsedRequest:
        """See `ArrivingRequest`."""
        model = self._texts.get("model") or self._default_model
        if model is None:
            raise BadRequest("Missing required parameter: 'model'", "model")
        check_model(model)
        if not self._has_file():
            raise BadRequest(
                f"Missing required parameter: '{self._file_fields[0]}'", self._file_fields[0]
            )
        prompt = self._texts.get("prompt", "")
        return ParsedRequest(
            model=model,
            stream=_flag("stream", self._texts.get("stream")),
            input_estimate=estimate_tokens(len(prompt.encode())),
        )

    def prepared(self, read: bytes, served_model: str) -> bytes:
        """See `ArrivingRequest`. Only the model's name is changed."""
        if served_model == self.parsed().model:
            return read
        scanner = self._scanner
        form = Form(read, scanner.delimiter, scanner.start, scanner.parts)
        return set_field(form, "model", served_model.encode())

    def _has_file(self) -> bool:
        return any(part.name in self._file_fields for part in self._scanner.parts)


class FormOperation:
    """A form whose field `model` names the model. `file_fields`: one of them must be there."""

    media_type = FORM
    file_fields: tuple[str, ...] = ("file",)
    default_model: str | None = None

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`. Raises `BadRequest`."""
        reader = self.arriving_request(content_type)
        reader.feed(body)
        reader.end()
        return reader.parsed()

    def arriving_request(self, content_type: str) -> FormReader:
        """See `Operation`."""
        return FormReader(content_type, self.file_fields, self.default_model)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model; every other byte stays."""
        if served_model == parsed.model:
            return body
        return set_field(read_form(body, content_type), "model", served_model.encode())

    def answer_for_caller(self, body: bytes, request_id: str) -> bytes:
        """See `Operation`. A provider that speaks the caller's dialect is not corrected."""
        del request_id
        return body

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)


def _flag(name: str, text: str | None) -> bool:
    if text is None or text.lower() in ("false", "0", ""):
        return False
    if text.lower() in ("true", "1"):
        return True
    raise BadRequest(f"Invalid type for '{name}': expected a boolean, got {text[:40]!r}", name)
