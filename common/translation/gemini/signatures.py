"""What other providers sign, carried through Gemini's `thoughtSignature` and back.

Gemini's own signatures are passed on byte by byte. Another format's go to a Gemini caller in base64
with their origin, because Google's SDKs decode the member, and come back as they were.
"""

import base64
import binascii

import msgspec

from common.translation.conversation import Thinking, ThinkingDelta

NAME = "gemini.generate"
_MARK = b"relay:"


class _Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    origin: str
    signature: str | None = None
    redacted: str | None = None
    text: str = ""


_decoder = msgspec.json.Decoder(_Carried)


def written(thought: Thinking, *, shown: bool = True) -> str | None:
    """The `thoughtSignature` of a thought for a caller.

    A text that was signed but that the caller did not ask to see is carried in it, too.
    """
    if thought.origin == NAME or (thought.signature is None and thought.redacted is None):
        return thought.signature
    text = "" if shown else thought.text
    carried = _Carried(thought.origin, thought.signature, thought.redacted, text)
    return base64.b64encode(_MARK + msgspec.json.encode(carried)).decode()


def read(text: str, signature: str | None) -> Thinking:
    """The thought of a part that a caller sends back."""
    if signature is None:
        return Thinking(text, origin=NAME)
    try:
        plain = base64.b64decode(signature, validate=True)
        if plain.startswith(_MARK):
            carried = _decoder.decode(plain[len(_MARK) :])
            said = text or carried.text
            return Thinking(said, carried.signature, carried.redacted, carried.origin)
    except (binascii.Error, ValueError):
        pass  # Google's own are none of ours, whatever they are
    return Thinking(text, signature, origin=NAME)


def thought_of(delta: ThinkingDelta) -> Thinking:
    """A delta as a thought of its own."""
    return Thinking(delta.text, delta.signature, delta.redacted, delta.origin)
