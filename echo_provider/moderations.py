"""POST /v1/moderations: a category is flagged where a text has its name in it."""

import hashlib
import secrets
from typing import Any

from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.faults import Faults
from echo_provider.models import openai_served
from echo_provider.openai_requests import known_model
from echo_provider.refusals import encoded
from echo_provider.replies import Reply, Wanted

MODEL_DEFAULT = "omni-moderation-latest"
# The categories, and whether pictures are looked at for them.
_CATEGORIES = {
    "harassment": False,
    "harassment/threatening": False,
    "hate": False,
    "hate/threatening": False,
    "illicit": False,
    "illicit/violent": False,
    "self-harm": True,
    "self-harm/instructions": True,
    "self-harm/intent": True,
    "sexual": True,
    "sexual/minors": False,
    "violence": True,
    "violence/graphic": True,
}
_FLAGGED_SCORE = 0.98
# The older models know neither these nor pictures.
_ONLY_OMNI = "illicit"
_COMPLAINTS = OpenAIComplaints()

# One input: its text, and whether there are a text and a picture in it.
_Input = tuple[str, bool, bool]


def parse_moderations(body: dict[str, Any]) -> Wanted:
    """The request, checked (platform.openai.com/docs/api-reference/moderations/create).

    Raises `Refusal` as api.openai.com does.
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "moderations", MODEL_DEFAULT)
    served = openai_served(model) or model
    inputs = _inputs(top)

    def reply(faults: Faults, text: str) -> Reply:  # noqa: ARG001
        texts = [*inputs[:-1], (text, *inputs[-1][1:])]

        def whole() -> bytes:
            results = [_result(one, omni=not served.startswith("text-")) for one in texts]
            identifier = f"modr-{secrets.token_hex(16)}"
            return encoded({"id": identifier, "model": served, "results": results})

        return Reply(whole=whole)

    return Wanted(text=inputs[-1][0], reply=reply)


def _inputs(top: Fields) -> list[_Input]:
    value = top.value.get("input")
    if value is None:
        top.complaints.missing(top.at("input"))
    if isinstance(value, str):
        return [(value, True, False)]
    if not isinstance(value, list):
        top.complaints.wrong_type(top.at("input"), "string or array", value)
    if value and all(isinstance(one, str) for one in value):
        return [(one, True, False) for one in value]
    return [_parts(top)]


def _parts(top: Fields) -> _Input:
    """Several texts and pictures that are looked at together."""
    texts: list[str] = []
    picture = False
    for part in top.items("input", required=True):
        if part.one_of("type", ("text", "image_url"), required=True) == "text":
            texts.append(part.string("text", required=True) or "")
        else:
            part.fields("image_url", required=True)
            picture = True
    return "\n".join(texts), bool(texts), picture


def _result(one: _Input, *, omni: bool) -> dict[str, Any]:
    written, has_text, has_picture = one
    text = written.lower()
    names = [name for name in _CATEGORIES if omni or not name.startswith(_ONLY_OMNI)]
    flags = {name: name in text for name in names}
    result: dict[str, Any] = {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {name: _score(name, text, flagged) for name, flagged in flags.items()},
    }
    if omni:
        result["category_applied_input_types"] = {
            name: ["text"] * has_text + ["image"] * (has_picture and _CATEGORIES[name])
            for name in names
        }
    return result


def _score(name: str, text: str, flagged: bool) -> float:
    """A score that follows from the text; without the flag it is next to nothing."""
    if flagged:
        return _FLAGGED_SCORE
    digest = hashlib.sha256(f"{name}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:2]) / 65536 / 1000
