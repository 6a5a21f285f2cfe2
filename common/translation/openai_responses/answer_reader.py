"""A whole response of a provider."""

import msgspec

from common.translation.conversation import (
    Answer,
    Part,
    Refused,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from common.translation.openai_responses.items import PARAGRAPH, thought_in
from common.translation.openai_responses.wire import Item, Response, decoded

_ENDED = frozenset({"completed", "incomplete"})

_decoder = msgspec.json.Decoder(Response)


def read_answer(body: bytes) -> Answer:
    """See `common.translation.base.Format`."""
    response = decoded(body, _decoder)
    if response.object != "response" or response.output is None:
        raise ValueError("the provider's answer is no response")
    if response.status not in _ENDED:
        why = response.error.message if response.error else f"its status is {response.status!r}"
        raise ValueError(f"the provider's response has failed: {why}")
    parts, logprobs = _read_output(response.output)
    return Answer(
        id=response.id,
        model=response.model,
        parts=parts,
        finish=response.finish(
            called=any(isinstance(part, ToolCall) for part in parts),
            refused=any(isinstance(part, Refused) for part in parts),
        ),
        counts=response.counts(),
        logprobs=logprobs,
        created_s=int(response.created_at),
    )


def _read_output(items: list[Item]) -> tuple[tuple[Part, ...], tuple[TokenLogprob, ...]]:
    """Its parts; items of other types come of hosted tools only, for which nobody has asked."""
    parts: list[Part] = []
    logprobs: list[TokenLogprob] = []
    signature: str | None = None
    for item in items:
        if item.type == "message":
            for content in item.content or ():
                if content.type == "output_text":
                    parts.append(Text(content.text))
                    logprobs += [token.read() for token in content.logprobs or ()]
                elif content.type == "refusal":
                    parts.append(Refused(content.refusal))
        elif item.type == "function_call":
            parts.append(ToolCall(item.call_id, item.name, item.arguments, signature))
            signature = None
        elif item.type == "reasoning":
            thought = thought_in(_thought_text(item), item.id, item.encrypted_content)
            if isinstance(thought, Thinking):
                parts.append(thought)
            else:
                signature = thought.value
    return tuple(parts), tuple(logprobs)


def _thought_text(item: Item) -> str:
    return PARAGRAPH.join([part.text for part in item.summary or item.content or ()])
