"""The echo provider as Gemini's API."""

import json

import httpx
import pytest

MODEL = "gemini-3-flash"
DECLARED = {
    "name": "weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}},
        "required": ["city"],
    },
}
TOOLS = [{"functionDeclarations": [DECLARED]}]
SHOWN = {"thinkingConfig": {"includeThoughts": True}}


@pytest.fixture
def gemini(echo):
    headers = {"x-goog-api-key": "k"}
    with httpx.Client(base_url=f"{echo.url}/v1beta", headers=headers, trust_env=False) as client:
        yield client


def said(text, **members):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **members}


def post(gemini, body, method="generateContent", model=MODEL, **parameters):
    return gemini.post(f"/models/{model}:{method}", json=body, params=parameters)


def parts_of(answer):
    return answer.json()["candidates"][0]["content"]["parts"]


def events_of(answer):
    return [
        json.loads(block.removeprefix("data: ")) for block in answer.text.split("\r\n\r\n")[:-1]
    ]


def after_call(call_parts):
    result = {"name": "weather", "response": {"output": "sunny"}}
    turns = [
        {"role": "user", "parts": [{"text": "How is it?"}]},
        {"role": "model", "parts": call_parts},
        {"role": "user", "parts": [{"functionResponse": result}]},
    ]
    return {"contents": turns, "tools": TOOLS}


def test_a_whole_answer_with_thoughts(gemini, echo):
    answer = post(gemini, said("hello world [[echo thoughts=2 cached=1]]", generationConfig=SHOWN))
    thought, text = parts_of(answer)
    assert thought == {"text": "thought1 thought2", "thought": True}
    assert text["text"] == "hello world"
    usage = answer.json()["usageMetadata"]
    assert (usage["thoughtsTokenCount"], usage["candidatesTokenCount"]) == (2, 2)
    assert usage["cachedContentTokenCount"] == 1
    (record,) = echo.requests()
    assert (record["dialect"], record["model"], record["output_tokens"]) == ("gemini", MODEL, 4)


def test_thoughts_are_hidden_unless_asked_for(gemini):
    answer = post(gemini, said("hello [[echo thoughts=2]]"))
    assert parts_of(answer) == [{"text": "hello"}]
    assert answer.json()["usageMetadata"]["thoughtsTokenCount"] == 2


def test_streams_are_events_or_one_array(gemini, echo):
    body = said("a b c [[echo thoughts=2]]", generationConfig=SHOWN)
    events = events_of(post(gemini, body, "streamGenerateContent", alt="sse"))
    parts = [event["candidates"][0]["content"]["parts"][0] for event in events]
    assert "".join(part["text"] for part in parts if part.get("thought")) == "thought1 thought2"
    assert "".join(part["text"] for part in parts if not part.get("thought")) == "a b c"
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"
    assert parts[-1]["thoughtSignature"]
    assert events[-1]["usageMetadata"]["totalTokenCount"] == 11 + 2 + 3
    assert len(post(gemini, body, "streamGenerateContent").json()) == len(events)
    assert [record["output_tokens"] for record in echo.requests()] == [5, 5]


@pytest.mark.parametrize("stream", [False, True])
def test_signatures_of_calls_must_come_back_byte_for_byte(gemini, stream):
    body = said('call weather {"city": "Bern"}', tools=TOOLS)
    if stream:
        first = events_of(post(gemini, body, "streamGenerateContent", alt="sse"))[0]
        (call,) = first["candidates"][0]["content"]["parts"]
    else:
        (call,) = parts_of(post(gemini, body))
    assert call["functionCall"]["args"] == {"city": "Bern"}
    assert parts_of(post(gemini, after_call([call]))) == [{"text": "sunny"}]
    call["thoughtSignature"] = call["thoughtSignature"].translate(str.maketrans("+/", "-_"))
    assert parts_of(post(gemini, after_call([call]))) == [{"text": "sunny"}]
    signature = call.pop("thoughtSignature")
    refused = post(gemini, after_call([call]))
    assert "missing a `thought_signature`" in refused.json()["error"]["message"]
    other = "B" if signature[100] == "A" else "A"
    call["thoughtSignature"] = signature[:100] + other + signature[101:]
    assert "not valid" in post(gemini, after_call([call])).json()["error"]["message"]
    older = post(gemini, after_call([{"functionCall": call["functionCall"]}]), model="echo")
    assert parts_of(older) == [{"text": "sunny"}]


def test_parallel_calls_and_forced_ones(gemini):
    two = 'call weather {"city": "Bern"} and call weather {"city": "Rome"}'
    calls = parts_of(post(gemini, said(two, tools=TOOLS)))
    assert [part["functionCall"]["args"]["city"] for part in calls] == ["Bern", "Rome"]
    assert ["thoughtSignature" in part for part in calls] == [True, False]
    forced = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}
    (call,) = parts_of(post(gemini, said("hi", tools=TOOLS, toolConfig=forced)))
    assert call["functionCall"]["args"] == {"city": "echo"}


def test_tokens_are_counted_and_texts_embedded(gemini):
    assert post(gemini, said("a b c"), "countTokens").json()["totalTokens"] == 3
    content = {"parts": [{"text": "a"}]}
    one = {"content": content, "outputDimensionality": 3}
    single = post(gemini, one, "embedContent").json()["embedding"]["values"]
    many = post(gemini, {"requests": [one, one]}, "batchEmbedContents").json()["embeddings"]
    assert len(single) == 3
    assert [vector["values"] for vector in many] == [single, single]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"contents": []}, "contents is not specified"),
        (said("a", foo=1), 'Unknown name "foo"'),
        (said("a", generationConfig={"maxTokens": 1}), "at 'generationConfig'"),
        (said("a", generationConfig={"temperature": 3}), "at most 2"),
        ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "oneof field 'data'"),
        ({"contents": [{"parts": [{"inlineData": {"data": "AA=="}}]}]}, "mimeType"),
        (after_call([{"text": "no call"}]), "function response parts"),
        (said("a", tools=[{"functionDeclarations": [{"name": "1"}]}]), "Invalid function name"),
        (
            said("a", generationConfig={"responseSchema": {"$ref": "#/x"}}),
            "at 'generationConfig.responseSchema'",
        ),
    ],
)
def test_what_the_schema_does_not_have_is_refused(gemini, body, words):
    refused = post(gemini, body)
    assert refused.status_code == 400
    assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert words in refused.json()["error"]["message"]


def test_both_spellings_are_taken(gemini):
    body = said("a", generation_config={"max_output_tokens": 1}, system_instruction={"parts": []})
    assert post(gemini, body).status_code == 400
    body["system_instruction"] = {"parts": [{"text": "Be short."}]}
    assert post(gemini, body).json()["usageMetadata"]["promptTokenCount"] == 4


def test_errors_are_google_s(gemini):
    refused = post(gemini, said("[[echo status=429 retry_after=3]]"))
    error = refused.json()["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["details"][0]["retryDelay"] == "3s"
    assert post(gemini, said("a"), model="nix").json()["error"]["status"] == "NOT_FOUND"
    broken = post(gemini, said("a b [[echo error_after=1]]"), "streamGenerateContent", alt="sse")
    assert events_of(broken)[-1]["error"]["status"] == "UNAVAILABLE"
    gemini.headers.pop("x-goog-api-key")
    assert post(gemini, said("a")).json()["error"]["status"] == "PERMISSION_DENIED"


def test_models_are_listed(gemini):
    listed = gemini.get("/models").json()["models"]
    assert f"models/{MODEL}" in [model["name"] for model in listed]
    assert gemini.get(f"/models/{MODEL}").json()["name"] == f"models/{MODEL}"
    assert gemini.get("/models/nix").status_code == 404
