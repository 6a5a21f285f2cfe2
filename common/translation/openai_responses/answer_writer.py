"""A response for a caller: whole, and what a stream says of it at its beginning and its end."""

from typing import Any

import msgspec

from common.translation.conversation import (
    Answer,
    Conversation,
    Counts,
    Finish,
    Part,
    Refused,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolChoice,
)
from common.translation.openai_responses.items import sealed_call, sealed_for_caller
from common.translation.openai_responses.request_writer import (
    choice_of,
    format_of,
    reasoning_of,
    tool_of,
)

Item = dict[str, Any]
_PREFIX = "resp_"
# How an answer ends that is no whole one: the reason, in the API's words.
_INCOMPLETE: dict[Finish, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
}


class Ids:
    """The ids of a response and of its items, all made of the answer's own id."""

    def __init__(self, answer_id: str) -> None:
        self.base = answer_id.removeprefix(_PREFIX)
        self.response = _PREFIX + self.base

    def item(self, kind: str, at: int) -> str:
        """The id of the item at that place of the output."""
        return f"{kind}_{self.base}_{at}"


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    """See `common.translation.base.Format`."""
    ids = Ids(answer.id)
    reason = incomplete_reason(answer.finish, refused=_has_refusal(answer.parts))
    output = _output_of(answer, ids, "completed" if reason is None else "incomplete")
    response = base_of(conversation, ids.response, answer.model, answer.created_s)
    return msgspec.json.encode(ended(response, output, answer.counts, reason))


def incomplete_reason(finish: Finish, *, refused: bool) -> str | None:
    """Why the response is no whole one; None where it is.

    A refusal without words of its own has no other form here.
    """
    if finish == "refusal":
        return None if refused else "content_filter"
    return _INCOMPLETE.get(finish)


def base_of(
    conversation: Conversation, response_id: str, model: str, created_s: int
) -> dict[str, Any]:
    """The response that has begun, with the request's settings as the API repeats them."""
    choice = conversation.tool_choice or ToolChoice()
    reasoning = reasoning_of(conversation.thinking) or {}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_s,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "\n\n".join([text.text for text in conversation.system]) or None,
        "max_output_tokens": conversation.max_output_tokens,
        "metadata": {},
        "model": model or conversation.model,
        "output": [],
        "parallel_tool_calls": choice.parallel is not False,
        "previous_response_id": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        # No provider keeps a translated response in a form in which it could be asked for.
        "store": False,
        "temperature": conversation.temperature,
        "text": format_of(conversation.output_format) or {"format": {"type": "text"}},
        "tool_choice": choice_of(choice),
        "tools": [tool_of(tool) for tool in conversation.tools],
        "top_logprobs": conversation.top_logprobs,
        "top_p": conversation.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": conversation.user,
    }


def ended(
    response: dict[str, Any], output: list[Item], counts: Counts | None, reason: str | None
) -> dict[str, Any]:
    """The response at its end."""
    return response | {
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": None if counts is None else usage_of(counts),
    }


def usage_of(counts: Counts) -> dict[str, Any]:
    """The figures; input includes what a cache read or took."""
    given = counts.input + counts.cache_read + counts.cache_write
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": counts.cache_read,
            "cache_write_tokens": counts.cache_write,
        },
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": given + counts.output,
    }


def message_item(item_id: str, content: list[Item], status: str) -> Item:
    """A message of the output."""
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def text_content(text: str, logprobs: list[Item]) -> Item:
    """A text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_content(text: str) -> Item:
    """A refusal in a message."""
    return {"type": "refusal", "refusal": text}


def call_item(item_id: str, call: ToolCall, status: str) -> Item:
    """A call that the caller is to run."""
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def reasoning_item(item_id: str, text: str, encrypted: str | None) -> Item:
    """A thought; `encrypted` is what must come back with it."""
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": [summary_part(text)] if text else [],
        "encrypted_content": encrypted,
    }


def summary_part(text: str) -> Item:
    """A part of a thought's summary."""
    return {"type": "summary_text", "text": text}


def logprob_of(token: TokenLogprob) -> Item:
    """A token, with the bytes that the API demands."""
    return _token_of(token) | {"top_logprobs": [_token_of(other) for other in token.top]}


def _token_of(token: TokenLogprob) -> Item:
    given = token.token.encode() if token.bytes is None else token.bytes
    return {"token": token.token, "logprob": token.logprob, "bytes": list(given)}


def _output_of(answer: Answer, ids: Ids, last_status: str) -> list[Item]:
    output: list[Item] = []
    # Where texts are several, nobody knows whose tokens these are.
    logprobs = [logprob_of(token) for token in answer.logprobs]
    for part in answer.parts:
        if isinstance(part, Text | Refused):
            if not output or output[-1]["type"] != "message":
                output.append(message_item(ids.item("msg", len(output)), [], "completed"))
            content = output[-1]["content"]
            if isinstance(part, Text):
                content.append(text_content(part.text, logprobs))
                logprobs = []
            else:
                content.append(refusal_content(part.text))
        elif isinstance(part, Thinking):
            seal = sealed_for_caller(part.signature, part.redacted, part.origin)
            output.append(reasoning_item(ids.item("rs", len(output)), part.text, seal))
        elif isinstance(part, ToolCall):
            if part.signature is not None:
                seal = sealed_call(part.signature)
                output.append(reasoning_item(ids.item("rs", len(output)), "", seal))
            output.append(call_item(ids.item("fc", len(output)), part, "completed"))
    if output and "status" in output[-1]:
        output[-1]["status"] = last_status
    return output


def _has_refusal(parts: tuple[Part, ...]) -> bool:
    return any(isinstance(part, Refused) for part in parts)
