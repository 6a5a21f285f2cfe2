"""POST /v1/completions, the older endpoint for plain texts."""

import msgspec

from common.dialects.base import JSON, ParsedRequest
from common.dialects.bodies import check_model, check_positive, read_fields
from common.dialects.openai.chat import CHOICES_MAX, ChatCompletions, asks_for_usage


class _Completion(msgspec.Struct):
    model: str
    stream: bool | None = None
    stream_options: msgspec.Raw = msgspec.Raw()
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None


_decoder = msgspec.json.Decoder(_Completion)


class Completions(ChatCompletions):
    """See `common.dialects.base.Operation`. Answers and streams are those of chats."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _decoder)
        check_model(given.model)
        for name in ("max_tokens", "n", "best_of"):
            check_positive(getattr(given, name), name)
        stream_options = bytes(given.stream_options)
        return ParsedRequest(
            model=given.model,
            stream=bool(given.stream),
            max_output_tokens=given.max_tokens,
            # Each of `best_of` is generated and billed, though only `n` are shown.
            choices=min(max(given.n or 1, given.best_of or 1), CHOICES_MAX),
            include_usage=asks_for_usage(stream_options),
            stream_options=stream_options or None,
        )
