"""The texts of whole bodies, requests and answers, where redaction finds them as well."""

import re
from collections.abc import Iterable, Iterator

from common.dialects.base import FORM
from common.dialects.bodies import loads
from common.guardrails.whole_texts import Text
from common.redaction.form_places import form_places
from common.redaction.places import Place, places
from common.redaction.shapes import ANSWERS, PLAIN, REQUESTS

# Words of the protocol in answers, which redaction lets be what they are.
_WORDS = re.compile(
    r"(?:choices\[\d+\]\.)?finish_reason|(?:message\.|delta\.)?stop_reason|system_fingerprint"
    r"|item_id|modelVersion|responseId|candidates\[\d+\]\.(?:finishReason|safetyRatings\b.*)"
    r"|promptFeedback\b.*"
)
# What a response repeats of its request.
_REPEATED = re.compile(
    r"(?:response\.)?(?:instructions|tools|metadata|prompt|prompt_cache_\w+|reasoning|text"
    r"|safety_identifier|user)\b.*"
)


def request_texts(body: bytes, content_type: str, endpoint: str) -> Iterator[Text | None]:
    """All texts of a request; None after each piece of work without one. Raises `BadRequest`."""
    if content_type.strip().lower().startswith(FORM):
        yield from texts_of(form_places(body, content_type))
    else:
        yield from texts_of(places(body, REQUESTS.get(endpoint, PLAIN)))


def answer_texts(body: bytes, endpoint: str) -> Iterator[Text | None]:
    """All texts of a whole answer in the caller's dialect; plain text is one."""
    shape = ANSWERS.get(endpoint)
    if shape is None:
        return
    if isinstance(loads(body), dict | list):
        yield from texts_of(written(places(body, shape), endpoint))
    elif body:
        yield Text("", body.decode(errors="replace"))


def written(found: Iterable[Place | None], endpoint: str) -> Iterator[Place | None]:
    """The places of an answer that the model wrote."""
    for place in found:
        # Within a tool's arguments everything is text, whatever it is called.
        if place is None or place.within is not None or not _is_word(place.path, endpoint):
            yield place


def _is_word(path: str, endpoint: str) -> bool:
    if _WORDS.fullmatch(path) is not None:
        return True
    return endpoint == "responses" and _REPEATED.fullmatch(path) is not None


def texts_of(found: Iterable[Place | None]) -> Iterator[Text | None]:
    """The places' texts; a string that holds JSON text has been taken apart."""
    for place in found:
        if place is None:
            yield None
        elif place.kind != "json":
            yield Text(place.path, place.text)
