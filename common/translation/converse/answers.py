"""Whole answers of Converse, and what answers and streams have in common.

Source: ConverseResponse in botocore's service-2.json of bedrock-runtime.
"""

import msgspec

from common.dialects.bedrock.converse import Usage
from common.translation.conversation import Answer, Counts, Finish, Part, Text, Thinking, ToolCall
from common.translation.converse.blocks import CLAUDE

NAME = "bedrock.converse"
_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _ReasoningText(msgspec.Struct):
    text: str = ""
    signature: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Cited(msgspec.Struct):
    text: str = ""


class _Citations(msgspec.Struct):
    content: list[_Cited] | None = None


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Citations | None = None


class _Message(msgspec.Struct):
    content: list[_Block]


class _Output(msgspec.Struct):
    message: _Message


class Additional(msgspec.Struct):
    """What was asked for by `additionalModelResponseFieldPaths`."""

    stop_sequence: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: str
    usage: Usage | None = None
    additional_model_response_fields: Additional | None = None


_decoder = msgspec.json.Decoder(_Answer)


def finish_of(reason: str) -> Finish:
    """Why it ended. Raises `ValueError` for what is a failure of the model."""
    finish = _FINISHES.get(reason)
    if finish is None:
        raise ValueError(f"the answer ended with {reason[:50]}")
    return finish


def counts_of(usage: Usage) -> Counts:
    """The figures for a caller."""
    tokens = usage.tokens()
    return Counts(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write_5m + tokens.cache_write_1h,
    )


def read_answer(body: bytes) -> Answer:
    """A whole answer, which has neither an id nor a model. Raises `ValueError`."""
    answer = _decoder.decode(body)
    more = answer.additional_model_response_fields
    parts = [_part(block) for block in answer.output.message.content]
    return Answer(
        id="",
        model="",
        parts=tuple(part for part in parts if part is not None),
        finish=finish_of(answer.stop_reason),
        stop_sequence=more.stop_sequence if more is not None else None,
        counts=counts_of(answer.usage) if answer.usage is not None else None,
    )


def _part(block: _Block) -> Part | None:
    if block.text is not None:
        return Text(block.text) if block.text else None
    if block.tool_use is not None:
        use = block.tool_use
        return ToolCall(use.tool_use_id, use.name, bytes(use.input).decode())
    if block.reasoning_content is not None:
        given = block.reasoning_content
        if given.redacted_content is not None:
            return Thinking(redacted=given.redacted_content, origin=CLAUDE)
        said = given.reasoning_text or _ReasoningText()
        return Thinking(said.text, said.signature, origin=CLAUDE)
    if block.citations_content is not None:
        return Text("".join(one.text for one in block.citations_content.content or ()))
    raise ValueError("an answer with a block that is neither text, thought nor call")
