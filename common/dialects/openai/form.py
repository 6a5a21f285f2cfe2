"""What OpenAI's endpoints that take files have in common."""

from common.dialects.base import FORM, JSON, BadRequest, ParsedRequest, estimate_tokens
from common.dialects.bodies import check_model, check_names
from common.dialects.forms import Form, field, read_form, set_field
from common.dialects.openai.errors import stream_error_event
from common.domain.refusals import Refusal

# What Relay reads of a form, besides whether a file is there.
FIELDS = ("model", "stream", "prompt")


class FormOperation:
    """A form whose field `model` names the model. `file_fields`: one of them must be there."""

    media_type = FORM
    file_fields: tuple[str, ...] = ("file",)
    default_model: str | None = None

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`. Raises `BadRequest`."""
        form = read_form(body, content_type)
        check_names((part.name for part in form.parts), FIELDS + self.file_fields)
        model = field(form, "model") or self.default_model
        if model is None:
            raise BadRequest("Missing required parameter: 'model'", "model")
        check_model(model)
        if not any(part.name in self.file_fields for part in form.parts):
            raise BadRequest(
                f"Missing required parameter: '{self.file_fields[0]}'", self.file_fields[0]
            )
        prompt = field(form, "prompt") or ""
        return ParsedRequest(
            model=model,
            stream=_flag(form, "stream"),
            input_estimate=estimate_tokens(len(prompt.encode())),
        )

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model; every other byte stays."""
        if served_model == parsed.model:
            return body
        return set_field(read_form(body, content_type), "model", served_model.encode())

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)


def _flag(form: Form, name: str) -> bool:
    text = field(form, name)
    if text is None or text.lower() in ("false", "0", ""):
        return False
    if text.lower() in ("true", "1"):
        return True
    raise BadRequest(f"Invalid type for '{name}': expected a boolean, got {text[:40]!r}", name)
