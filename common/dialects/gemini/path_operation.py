"""What all operations have in common whose model stands in their path."""

import copy
from typing import Self

from common.dialects.base import JSON, BadRequest, ParsedRequest
from common.dialects.bodies import check_model
from common.dialects.gemini.errors import stream_error_event
from common.dialects.json_operation import JsonOperation
from common.domain.refusals import Refusal

PREFIX = "models/"


class ModelInPath(JsonOperation):
    """Bodies in JSON, the model beside them; see `common.dialects.base.PathOperation`."""

    model = ""

    def for_path(self, model: str, query: str = "") -> Self:
        """See `PathOperation`."""
        del query
        check_model(model)
        operation = copy.copy(self)
        operation.model = model
        return operation

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """See `Operation`: who is asked stands in the path, and no byte changes."""
        del parsed, served_model, content_type
        return body

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)

    def _check_same(self, named: str | None, field: str) -> None:
        """Raises `BadRequest` for a body that names another model than its path."""
        if named is not None and named.removeprefix(PREFIX) != self.model:
            message = (
                f"'{field}' must name the model of the path, {PREFIX}{self.model}, "
                f"not {named[:100]!r}"
            )
            raise BadRequest(message, field)
