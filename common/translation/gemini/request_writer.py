"""Conversations, written as requests of `generateContent`.

Source: https://ai.google.dev/api/generate-content and /thinking, /thought-signatures,
/structured-output of https://ai.google.dev/gemini-api/docs.
"""

import re
from typing import Any

import msgspec

from common.dialects.bodies import loads
from common.dialects.spans import find_member, remove_member, set_member
from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Effort,
    Media,
    Message,
    OutputFormat,
    Part,
    Refused,
    Text,
    Thinking,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.efforts import budget_of
from common.translation.gemini.signatures import NAME

STOPS_MAX = 5
# What a signature may be where the call was made by another model, or its client has lost it; newer
# models refuse calls without any (/thought-signatures, "FAQs").
NO_SIGNATURE = "skip_thought_signature_validator"
_GENERATION = re.compile(r"gemini-(\d+)")
_WORDS_FROM = 3
# The most that all thinking models of the older generation take.
_BUDGET_MAX = 24_576
_LEVELS: dict[Effort, str] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
_MODES = {"auto": "AUTO", "none": "NONE", "any": "ANY", "named": "ANY"}
_TIERS = {
    **dict.fromkeys((None, "auto", "default", "standard", "standard_only"), None),
    "flex": "flex",
    "priority": "priority",
}
_Wire = dict[str, Any]


def write_request(conversation: Conversation, served_model: str) -> bytes:
    """The body; the model stands in the path. Raises `CannotExpress`."""
    if conversation.service_tier not in _TIERS:
        raise CannotExpress("service_tier", "its tiers are flex, standard and priority")
    body: _Wire = {"contents": _contents(conversation, served_model)}
    # Instructions in the middle of a conversation have no place but with the others.
    texts = [text.text for text in conversation.system if text.text]
    for message in conversation.messages:
        if message.role == "system":
            texts += [part.text for part in message.parts if isinstance(part, Text) and part.text]
    if texts:
        body["systemInstruction"] = {"parts": [{"text": text} for text in texts]}
    if conversation.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in conversation.tools]}]
        if config := _calling_config(conversation):
            body["toolConfig"] = {"functionCallingConfig": config}
    if generation := _generation(conversation, served_model):
        body["generationConfig"] = generation
    if (tier := _TIERS[conversation.service_tier]) is not None:
        body["serviceTier"] = tier
    return msgspec.json.encode(body)


def _generation(conversation: Conversation, served_model: str) -> _Wire:
    if len(conversation.stop) > STOPS_MAX:
        raise CannotExpress("stop", f"its API takes at most {STOPS_MAX} of them")
    optional: _Wire = {
        "maxOutputTokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "topP": conversation.top_p,
        "topK": conversation.top_k,
        "stopSequences": list(conversation.stop) or None,
        "seed": conversation.seed,
        "presencePenalty": conversation.presence_penalty,
        "frequencyPenalty": conversation.frequency_penalty,
        "responseLogprobs": conversation.logprobs,
        "logprobs": conversation.top_logprobs,
    }
    if conversation.thinking is not None:
        optional["thinkingConfig"] = _thinking(conversation.thinking, served_model)
    written = {name: value for name, value in optional.items() if value is not None}
    if conversation.output_format is not None:
        written |= _output_format(conversation.output_format)
    return written


def _thinking(mode: ThinkingMode, served_model: str) -> _Wire:
    """Newer models take words; a number of tokens is what the caller said, and they take it too."""
    if not mode.enabled or mode.effort == "none":
        return {"thinkingBudget": 0}
    config: _Wire = {"includeThoughts": mode.shown}
    if mode.budget_tokens is not None:
        config["thinkingBudget"] = mode.budget_tokens
    elif mode.effort is not None and _knows_words(served_model):
        config["thinkingLevel"] = _LEVELS[mode.effort]
    elif mode.effort is not None:
        config["thinkingBudget"] = min(budget_of(mode) or 0, _BUDGET_MAX)
    return config


def _knows_words(served_model: str) -> bool:
    """Whether it is of the generation that has levels and checks signatures; names may not say."""
    match = _GENERATION.search(served_model)
    return match is None or int(match[1]) >= _WORDS_FROM


def _output_format(given: OutputFormat) -> _Wire:
    written: _Wire = {"responseMimeType": "application/json"}
    if given.schema is not None:
        schema = bytes(given.schema)
        if given.description is not None and find_member(schema, "description") is None:
            schema = set_member(schema, "description", msgspec.json.encode(given.description))
        written["responseJsonSchema"] = _schema(msgspec.Raw(schema))
    return written


def _schema(schema: msgspec.Raw) -> msgspec.Raw:
    """A JSON schema without the name of its dialect, which Google's has no member for."""
    return msgspec.Raw(remove_member(bytes(schema), "$schema"))


def _tool(tool: Tool) -> _Wire:
    declared: _Wire = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = _schema(tool.parameters)
    return declared


def _calling_config(conversation: Conversation) -> _Wire:
    choice = conversation.tool_choice or ToolChoice()
    if choice.parallel is False:
        raise CannotExpress("tool_choice.parallel", "its models may always make several calls")
    # Calls keep to their schemas where calls are forced, and where that is asked for.
    mode = _MODES[choice.mode]
    if choice.mode == "auto" and any(tool.strict for tool in conversation.tools):
        return {"mode": "VALIDATED"}
    if choice.mode == "named":
        return {"mode": mode, "allowedFunctionNames": [choice.name]}
    return {"mode": mode} if conversation.tool_choice is not None else {}


def _contents(conversation: Conversation, served_model: str) -> list[_Wire]:
    contents = []
    signed = _knows_words(served_model)
    for index, message in enumerate(conversation.messages):
        if message.role == "system":
            continue
        at = f"messages.{index}"
        if message.role == "assistant":
            content = {"role": "model", "parts": model_parts(message.parts, at, signed=signed)}
        else:
            content = {"role": "user", "parts": _user_parts(message, at)}
        if content["parts"]:
            contents.append(content)
    return contents


def _user_parts(message: Message, at: str) -> list[_Wire]:
    """Results come first; pictures and documents of a result are said right after all of them."""
    results: list[_Wire] = []
    said: list[_Wire] = []
    for index, part in enumerate(message.parts):
        path = f"{at}.parts.{index}"
        if isinstance(part, ToolResult):
            results.append({"functionResponse": _response(part)})
            said += [_media(one) for one in part.parts if isinstance(one, Media)]
        elif isinstance(part, Media):
            said.append(_media(part))
        elif not isinstance(part, Text):
            raise CannotExpress(path, "users of its API say no such thing")
        elif part.text or len(message.parts) == 1:
            said.append({"text": part.text})
    return results + said


def _response(result: ToolResult) -> _Wire:
    """An object; text that is none is the function's output, or its error."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    response: Any = {"error" if result.is_error else "output": text}
    if not result.is_error and text.lstrip()[:1] == "{" and isinstance(loads(text.encode()), dict):
        response = msgspec.Raw(text.encode())
    return {"id": result.call_id, "name": result.name, "response": response}


def _media(media: Media) -> _Wire:
    if media.data is not None:
        return {"inlineData": {"mimeType": media.media_type, "data": media.data}}
    file = {"fileUri": media.url}
    if media.media_type:
        file["mimeType"] = media.media_type
    return {"fileData": file}


def model_parts(parts: tuple[Part, ...], at: str, *, signed: bool = False) -> list[_Wire]:
    """What a model said; thoughts go back only to Gemini. `signed`: the first call must be.

    A signature without a thought belongs to the text before it. Raises `CannotExpress`.
    """
    written: list[_Wire] = []
    calls = 0
    for index, part in enumerate(parts):
        if isinstance(part, Text):
            if part.text:
                written.append({"text": part.text})
        elif isinstance(part, Thinking):
            if part.origin == NAME:
                _add_thought(written, part)
        elif isinstance(part, ToolCall):
            signature = part.signature or (NO_SIGNATURE if signed and not calls else None)
            written.append(_call(part, signature, f"{at}.parts.{index}"))
            calls += 1
        elif isinstance(part, Refused):
            written.append({"text": part.text})
        else:
            raise CannotExpress(f"{at}.parts.{index}", "models of its API say only text")
    return written


def _add_thought(written: list[_Wire], part: Thinking) -> None:
    if part.text:
        thought = {"text": part.text, "thought": True, "thoughtSignature": part.signature}
        written.append({name: value for name, value in thought.items() if value is not None})
    elif part.signature is not None:
        last = written[-1] if written else {}
        if "text" not in last or "thought" in last or "thoughtSignature" in last:
            written.append(last := {"text": ""})
        last["thoughtSignature"] = part.signature


def is_object(arguments: str) -> bool:
    """Whether the arguments of a call are whole; none at all are an empty object."""
    return not arguments.strip() or isinstance(loads(arguments.encode()), dict)


def _call(call: ToolCall, signature: str | None, path: str) -> _Wire:
    arguments = call.arguments.strip() or "{}"
    if not is_object(arguments):
        raise CannotExpress(path, "the arguments of a call must be a JSON object")
    written: _Wire = {
        "functionCall": {"id": call.id, "name": call.name, "args": msgspec.Raw(arguments.encode())}
    }
    return written if signature is None else written | {"thoughtSignature": signature}
