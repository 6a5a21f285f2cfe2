"""The texts of whole bodies, requests and answers, where redaction finds them as well."""

from collections.abc import Iterable, Iterator

from common.dialects.base import FORM, BadRequest
from common.guardrails.whole_texts import Text
from common.redaction.form_places import form_places
from common.redaction.places import Place, places
from common.redaction.shapes import ANSWERS, PLAIN, REQUESTS

# What a response repeats of its request.
_REPEATED = ("instructions", "tools", "metadata", "prompt", "text", "safety_identifier", "user")


def request_texts(body: bytes, content_type: str, endpoint: str) -> Iterator[Text | None]:
    """All texts of a request; None after each piece of work without one."""
    if not content_type.strip().lower().startswith(FORM):
        yield from texts_of(places(body, REQUESTS.get(endpoint, PLAIN)))
        return
    try:
        found = form_places(body, content_type)
    except BadRequest:
        return  # it is refused for that, by who reads its model
    yield from texts_of(found)


def answer_texts(body: bytes, endpoint: str) -> Iterator[Text | None]:
    """All texts of a whole answer in the caller's dialect; plain text is one."""
    if body.lstrip()[:1] in (b"{", b"["):
        for text in texts_of(places(body, ANSWERS.get(endpoint, PLAIN))):
            if text is None or not is_repeated(text.field, endpoint):
                yield text
    elif body:
        yield Text("", body.decode(errors="replace"))


def is_repeated(field: str, endpoint: str) -> bool:
    """Whether the text is the caller's own, which an answer of that endpoint says again."""
    return endpoint == "responses" and field.removeprefix("response.").startswith(_REPEATED)


def texts_of(found: Iterable[Place | None]) -> Iterator[Text | None]:
    """The places' texts; a string that holds JSON text has been taken apart."""
    for place in found:
        if place is None:
            yield None
        elif place.kind != "json":
            yield Text(place.path, place.text)
