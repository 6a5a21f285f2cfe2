"""What requests and answers of the Responses API have in common.

Source: https://platform.openai.com/docs/api-reference/responses and openai-python's types.
"""

from common.translation.conversation import Thinking
from common.translation.openai_responses.seals import Carried, carried_in, marked

NAME = "openai.responses"
# Between the parts of one summary, which are paragraphs.
PARAGRAPH = "\n\n"

# A reasoning item's content is sealed together with its id, so both travel as one signature.
_AFTER_ID = ":"
_REASONING_ID = "rs_"


def thought_in(text: str, item_id: str | None, encrypted: str | None) -> Thinking | Carried:
    """A reasoning item; `Carried` for what is no thought but the next call's signature."""
    if encrypted is None:
        return Thinking(text)
    carried = carried_in(encrypted)
    if carried is None:
        named = item_id is not None and item_id.startswith(_REASONING_ID)
        signature = f"{item_id}{_AFTER_ID}{encrypted}" if named else encrypted
        return Thinking(text, signature=signature, origin=NAME)
    if carried.holds == "signature":
        return Thinking(text, signature=carried.value, origin=carried.origin)
    if carried.holds == "redacted":
        return Thinking(text, redacted=carried.value, origin=carried.origin)
    return carried


def sealed_for_caller(signature: str | None, redacted: str | None, origin: str) -> str | None:
    """The `encrypted_content` of a thought that the caller is to send back."""
    if redacted is not None:
        return marked(Carried("redacted", origin, redacted))
    return None if signature is None else marked(Carried("signature", origin, signature))


def sealed_call(signature: str) -> str:
    """The `encrypted_content` of the item that carries a call's signature before it.

    Only Gemini signs calls; the API has no other place that clients are sure to send back.
    """
    return marked(Carried("call", "gemini.generate", signature))


def sealed_for_provider(signature: str) -> tuple[str | None, str]:
    """The item's id, where it is known, and its `encrypted_content`, as the API gave them."""
    item_id, found, encrypted = signature.partition(_AFTER_ID)
    if found and item_id.startswith(_REASONING_ID):
        return item_id, encrypted
    return None, signature
