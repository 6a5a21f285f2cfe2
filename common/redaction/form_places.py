"""The places of a form (RFC 7578) where text stands: its fields, not its files."""

from common.dialects.base import BadRequest
from common.dialects.forms import read_form
from common.redaction.places import Place

# Words of the protocol. What is not named here is text, as everywhere.
_PROTOCOL = frozenset(
    {
        *("model", "stream", "response_format", "language", "temperature", "include", "n", "size"),
        *("timestamp_granularities", "quality", "background", "output_format", "moderation"),
        *("output_compression", "partial_images", "input_fidelity", "style", "purpose"),
        *("chunking_strategy", "expires_after", "known_speaker_references"),
    }
)


def form_places(body: bytes, content_type: str) -> list[Place]:
    """The fields that are text. Raises `BadRequest` for what is no form, or no UTF-8.

    Some servers (Starlette's) read a field that is no UTF-8 in another encoding: what nobody has
    searched does not pass.
    """
    found = []
    for part in read_form(body, content_type).parts:
        name = part.name.partition("[")[0]
        if part.is_file or name in _PROTOCOL:
            continue
        try:
            text = body[part.start : part.end].decode()
        except UnicodeDecodeError:
            field = part.name[:64]
            raise BadRequest(f"'{field}' is not valid UTF-8", field) from None
        found.append(Place(part.start, part.end, "raw", part.name[:64], text))
    return found
