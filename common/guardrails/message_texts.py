"""The texts of whole bodies, requests and answers, where redaction finds them as well."""

from collections.abc import Iterator

from common.dialects import forms
from common.dialects.base import FORM, BadRequest
from common.guardrails.whole_texts import Text
from common.redaction.places import places
from common.redaction.shapes import ANSWERS, PLAIN, REQUESTS, Shape


def request_texts(body: bytes, content_type: str, endpoint: str) -> Iterator[Text | None]:
    """All texts of a request; None after each piece of work without one.

    Bodies of endpoints whose shape is not known are searched as a whole.
    """
    if content_type.strip().lower().startswith(FORM):
        yield from _form_texts(body, content_type)
    else:
        yield from _texts(body, REQUESTS.get(endpoint, PLAIN))


def answer_texts(body: bytes, endpoint: str) -> Iterator[Text | None]:
    """All texts of a whole answer in the caller's dialect; plain text is one."""
    if body.lstrip()[:1] in (b"{", b"["):
        yield from _texts(body, ANSWERS.get(endpoint, PLAIN))
    elif body:
        yield Text("", body.decode(errors="replace"))


def _texts(body: bytes, shape: Shape) -> Iterator[Text | None]:
    for place in places(body, shape):
        if place is None:
            yield None
        elif place.kind != "json":
            yield Text(place.path, place.text)


def _form_texts(body: bytes, content_type: str) -> Iterator[Text | None]:
    try:
        form = forms.read_form(body, content_type)
    except BadRequest:
        return  # it is refused for that, by who reads its model
    for part in form.parts:
        if not part.is_file:
            yield Text(part.name, body[part.start : part.end].decode(errors="replace"))
