"""Gemini callers: what their requests say, in either spelling, and what is refused by name."""

import json

import msgspec
import pytest

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Media,
    Message,
    OutputFormat,
    Text,
    Thinking,
    ThinkingMode,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.gemini import FORMAT

PNG = "iVBORw0KGgo="
SIGNATURE = "CiQB0e2Kb/+xQg=="
HI = [{"role": "user", "parts": [{"text": "Hi"}]}]
NAMES = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]


def read(**members):
    body = json.dumps({"contents": HI} | members, separators=(",", ":")).encode()
    return FORMAT.read_request(body, "gemini-x", stream=True)


def refusal(**members):
    with pytest.raises(BadRequest) as caught:
        read(**members)
    return caught.value


def turns(*contents):
    return read(contents=list(contents))


def test_plain():
    conversation = read()
    assert (conversation.model, conversation.stream) == ("gemini-x", True)
    assert conversation.messages == (Message("user", (Text("Hi"),)),)
    assert read(contents={"parts": {"text": "Hi"}}).messages == conversation.messages


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_instructions(name):
    assert read(**{name: {"parts": [{"text": "Be"}, {"text": "brief"}]}}).system == (
        Text("Be"),
        Text("brief"),
    )


def test_pictures_and_documents_in_either_spelling():
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"inline_data": {"mime_type": "application/pdf", "data": PNG, "display_name": "a.pdf"}},
        {"fileData": {"fileUri": "https://a/b.png"}},
        {"file_data": {"file_uri": "https://a/b.wav", "mime_type": "audio/wav"}},
    ]
    conversation = turns({"parts": parts})
    assert conversation.messages[0].parts == (
        Media("image", "image/png", PNG),
        Media("document", "application/pdf", PNG, name="a.pdf"),
        Media("image", url="https://a/b.png"),
        Media("audio", "audio/wav", url="https://a/b.wav"),
    )
    assert conversation.fields["messages.0.parts.2"] == "contents[0].parts[2]"


def test_calls_and_results_are_paired_by_name_where_they_have_no_id():
    calls = [
        {"functionCall": {"name": "f", "args": {"a_b": 1.0}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "g"}},
        {"function_call": {"name": "f", "args": {}}},
    ]
    results = [
        {"functionResponse": {"name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"name": "f", "response": {"error": "two"}}},
        {"function_response": {"name": "g", "response": {"seen_at": 3}}},
    ]
    conversation = turns({"role": "model", "parts": calls}, {"role": "function", "parts": results})
    assert conversation.messages == (
        Message(
            "assistant",
            (
                ToolCall("call_0", "f", '{"a_b":1.0}', SIGNATURE),
                ToolCall("call_1", "g", "{}"),
                ToolCall("call_2", "f", "{}"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("call_0", "f", (Text("one"),)),
                ToolResult("call_2", "f", (Text("two"),), is_error=True),
                ToolResult("call_1", "g", (Text('{"seen_at":3}'),)),
            ),
        ),
    )


def test_calls_and_results_with_ids_and_pictures():
    call = {"functionCall": {"id": "x", "name": "f", "args": {}}}
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    result = {"functionResponse": {"id": "x", "name": "f", "response": {}, "parts": [image]}}
    conversation = turns({"role": "model", "parts": [call]}, {"role": "user", "parts": [result]})
    media = Media("image", "image/png", PNG)
    assert conversation.messages[1].parts == (ToolResult("x", "f", (media,)),)


def test_a_result_of_no_call():
    result = {"functionResponse": {"name": "f", "response": {}}}
    error = refusal(contents=[{"parts": [result]}])
    assert error.field == "contents[0].parts[0].functionResponse.name"


def test_what_a_stream_had_cut_is_one_again():
    own = "gemini.generate"
    said = [
        {"text": "I th", "thought": True},
        {"text": "ink", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "Hel"},
        {"text": "lo"},
        {"text": "", "thoughtSignature": SIGNATURE},
    ]
    messages = turns(*HI, *[{"role": "model", "parts": [part]} for part in said]).messages
    assert messages[1:] == (
        Message(
            "assistant",
            (
                Thinking("I think", SIGNATURE, origin=own),
                Text("Hello"),
                Thinking(signature=SIGNATURE, origin=own),
            ),
        ),
    )


def test_tools_in_both_kinds_of_schema():
    openapi = {
        "type": "OBJECT",
        "properties": {
            "any_of": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "sizes": {"type": "ARRAY", "items": {"type": "NUMBER"}, "min_items": "1"},
            "both": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
        },
        "required": ["sizes"],
        "propertyOrdering": ["sizes"],
    }
    plain = {"type": "object", "additionalProperties": False}
    declared = [
        {"name": "f", "description": "F", "parameters": openapi, "response": {"type": "STRING"}},
        {"name": "g", "parameters_json_schema": plain},
    ]
    f, g = read(tools=[{"function_declarations": declared}]).tools
    assert (f.name, f.description) == ("f", "F")
    assert msgspec.json.decode(f.parameters) == {
        "type": "object",
        "properties": {
            "any_of": {"type": ["string", "null"], "enum": ["a", None]},
            "sizes": {"type": "array", "items": {"type": "number"}, "minItems": 1},
            "both": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        },
        "required": ["sizes"],
    }
    assert msgspec.json.decode(g.parameters) == plain


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice()),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f", "g"]}, ToolChoice()),
        ({"mode": "none"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("any")),
        ({"mode": "ANY", "allowed_function_names": ["g"]}, ToolChoice("named", "g")),
        ({}, None),
    ],
)
def test_choices_of_tools(config, choice):
    assert read(tools=NAMES, toolConfig={"functionCallingConfig": config}).tool_choice == choice


def test_forms_of_the_answer():
    def form(**config):
        return read(generationConfig=config).output_format

    assert form(responseMimeType="text/plain") is None
    assert form(response_mime_type="application/json") == OutputFormat("json")
    schema = {"type": "OBJECT", "properties": {"a_b": {"type": "STRING"}}}
    given = form(responseMimeType="application/json", responseSchema=schema)
    expected = {"type": "object", "properties": {"a_b": {"type": "string"}}}
    assert msgspec.json.decode(given.schema) == expected
    given = form(responseMimeType="application/json", responseJsonSchema=expected)
    assert given == OutputFormat("schema", schema=given.schema)
    assert msgspec.json.decode(given.schema) == expected


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"thinkingBudget": 0}, ThinkingMode(enabled=False, shown=False)),
        ({"thinkingBudget": -1}, ThinkingMode()),
        ({"thinkingBudget": 900, "includeThoughts": True}, ThinkingMode(budget_tokens=900)),
        ({"thinking_level": "low"}, ThinkingMode(effort="low", shown=False)),
        ({"include_thoughts": True}, ThinkingMode()),
        ({"includeThoughts": False}, None),
    ],
)
def test_thinking(config, mode):
    assert read(generationConfig={"thinkingConfig": config}).thinking == mode


def test_all_else():
    conversation = read(
        generationConfig={
            "maxOutputTokens": 9,
            "temperature": 0.0,
            "topP": 0.5,
            "topK": 4,
            "stopSequences": ["a"],
            "seed": 1,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "responseLogprobs": True,
            "logprobs": 3,
            "candidateCount": 1,
            "responseModalities": ["TEXT"],
        },
        serviceTier="STANDARD",
        labels={"a": "b"},
        store=False,
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    assert (conversation.max_output_tokens, conversation.stop) == (9, ("a",))
    assert (conversation.temperature, conversation.top_p, conversation.top_k) == (0.0, 0.5, 4)
    assert (conversation.seed, conversation.logprobs, conversation.top_logprobs) == (1, True, 3)
    assert (conversation.presence_penalty, conversation.frequency_penalty) == (0.1, 0.2)
    assert conversation.service_tier == "default"
    assert conversation.fields["top_logprobs"] == "generationConfig.logprobs"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"ofTheFuture": 1}, "ofTheFuture"),
        ({"cached_content": "c"}, "cachedContent"),
        ({"store": True}, "store"),
        ({"serviceTier": "newest"}, "serviceTier"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]},
         "tools[0].functionDeclarations[0].behavior"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"x": 1}}]}]},
         "tools[0].functionDeclarations[0].parameters"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
         "toolConfig.functionCallingConfig.mode"),
        ({"tools": NAMES, "toolConfig": {"functionCallingConfig": {
            "mode": "AUTO", "allowedFunctionNames": ["f"]}}},
         "toolConfig.functionCallingConfig.allowedFunctionNames"),
        ({"safetySettings": [{}, {"threshold": "BLOCK_LOW_AND_ABOVE"}]},
         "safetySettings[1].threshold"),
        ({"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"speechConfig": {}}}, "generationConfig.speechConfig"),
        ({"generation_config": {"response_modalities": ["AUDIO"]}},
         "generationConfig.responseModalities"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}},
         "generationConfig.responseMimeType"),
        ({"generationConfig": {"responseSchema": []}}, "generationConfig.responseSchema"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "SOME"}}},
         "generationConfig.thinkingConfig.thinkingLevel"),
        ({"generationConfig": {"topP": 1, "top_p": 2}}, "generationConfig.top_p"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"videoMetadata": {}, "text": "a"}]}]},
         "contents[0].parts[0].videoMetadata"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/a"}}]}]},
         "contents[0].parts[0].fileData.fileUri"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "video/mp4", "data": PNG}}]}]},
         "contents[0].parts[0].inlineData.mimeType"),
        ({"contents": [{"role": "model", "parts": [{"inlineData": {}}]}]},
         "contents[0].parts[0].inlineData"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}]},
         "contents[0].parts[0].functionCall.args"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
    ],
)  # fmt: skip
def test_what_no_other_api_has_is_refused_by_name(members, field):
    assert refusal(**members).field == field
