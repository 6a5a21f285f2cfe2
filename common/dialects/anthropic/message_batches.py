"""POST /v1/messages/batches: many messages in one body, answered within a day at half the price.

Source: https://docs.anthropic.com/en/api/creating-message-batches.
"""

import msgspec

from common.dialects.anthropic.bounds import messages_bound
from common.dialects.anthropic.errors import stream_error_event
from common.dialects.base import JSON, BadRequest, ParsedRequest, WholeAnswer
from common.dialects.bodies import check_model, check_positive, decoded, read_fields
from common.dialects.bounds import Unreadable
from common.dialects.json_operation import JsonOperation
from common.dialects.spans import set_member
from common.domain.refusals import Refusal
from common.domain.reservation import Bound

# Anthropic takes 100,000; each is looked at before the batch goes on.
REQUESTS_MAX = 10_000


class _Item(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


class _Batch(msgspec.Struct):
    requests: list[msgspec.Raw]


class _Params(msgspec.Struct):
    model: str
    max_tokens: int
    stream: bool | None = None


class _Answer(msgspec.Struct):
    id: str
    type: str


_batch_decoder = msgspec.json.Decoder(_Batch)
_item_decoder = msgspec.json.Decoder(_Item)
_params_decoder = msgspec.json.Decoder(_Params)
_answer_decoder = msgspec.json.Decoder(_Answer)


class MessageBatches(JsonOperation):
    """See `common.dialects.base.Operation`. All requests of a batch name one model."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        items = read_fields(body, _batch_decoder).requests
        if not 1 <= len(items) <= REQUESTS_MAX:
            message = f"'requests' must have from 1 to {REQUESTS_MAX} here, not {len(items)}"
            raise BadRequest(message, "requests")
        model, output = "", 0
        for index, item in enumerate(items):
            try:
                params = _read_item(bytes(item))
            except BadRequest as error:
                field = f"requests[{index}]" + (f".{error.field}" if error.field else "")
                raise BadRequest(f"{error.message} (in requests[{index}])", field) from None
            if model and params.model != model:
                message = (
                    f"All requests of a batch must name one model here: requests[{index}] names "
                    f"{params.model[:100]!r}, the first {model!r}"
                )
                raise BadRequest(message, f"requests[{index}].params.model")
            model = params.model
            output += params.max_tokens
        return ParsedRequest(
            model=model,
            stored=True,
            job="message_batch",
            job_output_tokens=output,
            service_tier="batch",
        )

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model in each request; nothing else of them changes."""
        del content_type
        if served_model == parsed.model:
            return body
        named = msgspec.json.encode(served_model)
        items = []
        for item in _batch_decoder.decode(body).requests:
            params = bytes(_item_decoder.decode(item).params)
            items.append(set_member(bytes(item), "params", set_member(params, "model", named)))
        return set_member(body, "requests", b"[" + b",".join(items) + b"]")

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        if answer.type != "message_batch":
            return None
        return WholeAnswer(None, None, 0, stored_id=answer.id, unfinished=True)

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`: batches do not stream."""
        return stream_error_event(refusal, request_id)


def message_batches_bound(body: bytes) -> Bound:
    """The worst cases of all requests. Raises `Unreadable`."""
    parts = []
    for index, item in enumerate(_batch_decoder.decode(body).requests):
        params = bytes(_item_decoder.decode(item).params)
        bound = messages_bound(params)
        if bound.unbounded is not None:
            return Bound(input_tokens=None, unbounded=f"requests[{index}].params.{bound.unbounded}")
        part = msgspec.structs.replace(bound, tier="batch")
        parts.append((part, _params_decoder.decode(params).max_tokens))
    if not parts:
        raise Unreadable
    return Bound(input_tokens=0, tier="batch", parts=tuple(parts))


def _read_item(item: bytes) -> _Params:
    read = read_fields(item, _item_decoder)
    try:
        return _read_params(bytes(read.params))
    except BadRequest as error:
        field = f"params.{error.field}" if error.field else "params"
        raise BadRequest(error.message, field) from None


def _read_params(body: bytes) -> _Params:
    params = read_fields(body, _params_decoder)
    check_model(params.model)
    check_positive(params.max_tokens, "max_tokens")
    if params.stream:
        raise BadRequest("'stream' is not for batches: leave it out", "stream")
    return params
