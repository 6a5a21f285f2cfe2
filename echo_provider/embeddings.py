"""POST /v1/embeddings: vectors that follow from the text alone."""

import base64
import hashlib
import math
import sys
from array import array
from typing import Any

from echo_provider.ask import Usage
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.completions import prompt_text, prompt_tokens, prompts_of
from echo_provider.faults import Faults
from echo_provider.models import ECHO, openai_served
from echo_provider.openai_requests import known_model
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import Reply, Wanted

INPUT_TOKENS_MAX = 8192
REQUEST_TOKENS_MAX = 300_000
_DIMENSIONS = {
    ECHO: 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002-v2": 1536,
}
_OF_ONE_SIZE = "text-embedding-ada-002-v2"
_COMPLAINTS = OpenAIComplaints()


def parse_embeddings(body: dict[str, Any]) -> Wanted:
    """The request, checked (platform.openai.com/docs/api-reference/embeddings/create).

    Raises `Refusal` as api.openai.com does.
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "embeddings")
    served = openai_served(model) or model
    inputs = prompts_of(top, "input")
    tokens = [prompt_tokens(one) for one in inputs]
    _check_sizes(inputs, tokens)
    dimensions = _dimensions(top, served)
    written = top.one_of("encoding_format", ("float", "base64")) or "float"

    def reply(faults: Faults, text: str) -> Reply:
        texts = [*(prompt_text(one) for one in inputs[:-1]), text]

        def whole() -> bytes:
            answer: dict[str, Any] = {"object": "list", "data": [], "model": served}
            for index, one in enumerate(texts):
                vector = _written(vector_of(one, dimensions), written)
                item = {"object": "embedding", "index": index, "embedding": vector}
                answer["data"].append(item)
            if faults.usage != "none":
                answer["usage"] = {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)}
            return encoded(answer)

        return Reply(whole=whole, usage=Usage(prompt=sum(tokens), completion=0))

    return Wanted(text=prompt_text(inputs[-1]), reply=reply)


def vector_of(text: str, dimensions: int) -> "array[float]":
    """A vector of length 1 in single precision; the same for the same text.

    A shorter vector is the beginning of a longer one, brought back to length 1.
    """
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    values = array("h", digest)
    if sys.byteorder == "big":
        values.byteswap()
    length = math.hypot(*values) or 1.0
    return array("f", [value / length for value in values])


def _written(vector: "array[float]", encoding: str) -> str | list[float]:
    if encoding == "float":
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


def _check_sizes(inputs: list[str | list[int]], tokens: list[int]) -> None:
    if not all(inputs):
        text = "Invalid 'input': input cannot be an empty string."
        raise Refusal(400, text, param="input", code="invalid_value")
    if max(tokens) > INPUT_TOKENS_MAX:
        text = f"This model's maximum context length is {INPUT_TOKENS_MAX} tokens, however you "
        text += f"requested {max(tokens)} tokens ({max(tokens)} in your prompt; 0 for the "
        raise Refusal(400, f"{text}completion). Please reduce your prompt.")
    if sum(tokens) > REQUEST_TOKENS_MAX:
        text = f"Requested {sum(tokens)} tokens, max {REQUEST_TOKENS_MAX} tokens per request"
        raise Refusal(400, text, kind="max_tokens_per_request", code="max_tokens_per_request")


def _dimensions(top: Fields, served: str) -> int:
    most = _DIMENSIONS[served]
    wanted = top.integer("dimensions", 1, most)
    if wanted is not None and served == _OF_ONE_SIZE:
        raise Refusal(400, "This model does not support specifying dimensions.")
    return wanted or most
