"""The echo provider as Bedrock, with AWS's own signer and parser of event streams as the client."""

import base64
import json

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

from echo_provider.aws_signature import ACCESS_KEY_ID, SECRET_ACCESS_KEY

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
CALL = 'call weather {"city": "Bern"}'


@pytest.fixture
def client(echo):
    with httpx.Client(base_url=echo.url, trust_env=False) as client:
        yield client


def said(text, **members):
    return {"messages": [{"role": "user", "content": [{"text": text}]}], **members}


def post(client, body, method="converse", model=MODEL, secret=SECRET_ACCESS_KEY, change=b""):
    """A request signed by botocore; `change` is put into the body after that."""
    url = f"{client.base_url}/model/{model.replace(':', '%3A')}/{method}"
    content = json.dumps(body).encode()
    signed = AWSRequest("POST", url, data=content, headers={"content-type": "application/json"})
    credentials = Credentials(ACCESS_KEY_ID, secret, "a session token")
    SigV4Auth(credentials, "bedrock", "eu-central-1").add_auth(signed)
    return client.post(url, content=content + change, headers=dict(signed.headers))


def frames_of(answer):
    buffer = EventStreamBuffer()
    buffer.add_data(answer.content)
    found = []
    for event in buffer:
        kind = event.headers.get(":event-type") or event.headers[":exception-type"]
        found.append((kind, json.loads(event.payload)))
    return found


def test_converse_signed_by_aws_s_own_library(client, echo):
    body = said("hello you [[echo thoughts=2 cached=3]]", additionalModelRequestFields=THINKING)
    answer = post(client, body).json()
    thought, text = answer["output"]["message"]["content"]
    assert thought["reasoningContent"]["reasoningText"]["text"] == "thought1 thought2"
    assert text == {"text": "hello you"}
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 10,
        "outputTokens": 4,
        "totalTokens": 17,
        "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 0,
    }
    (record,) = echo.requests()
    assert (record["dialect"], record["model"]) == ("bedrock", MODEL)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"secret": "other"}, "InvalidSignatureException"),
        ({"change": b" "}, "InvalidSignatureException"),
    ],
)
def test_a_signature_covers_the_whole_request(client, asked, error):
    refused = post(client, said("hello"), **asked)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, error)


def test_a_bearer_will_do_and_nothing_will_not(client):
    path = f"/model/{MODEL}/converse"
    bearer = {"authorization": "Bearer bedrock-api-key-1"}
    assert client.post(path, json=said("hello"), headers=bearer).status_code == 200
    missing = client.post(path, json=said("hello"))
    assert missing.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_converse_stream_is_frames(client, echo):
    body = said(f"{CALL} [[echo thoughts=1]]", toolConfig=TOOLS)
    body["additionalModelRequestFields"] = THINKING
    answer = post(client, body, "converse-stream")
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    frames = frames_of(answer)
    kinds = [kind for kind, _ in frames]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    start = next(payload for kind, payload in frames if kind == "contentBlockStart")
    assert start["start"]["toolUse"]["name"] == "weather"
    deltas = [payload["delta"] for kind, payload in frames if kind == "contentBlockDelta"]
    written = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    assert json.loads(written) == {"city": "Bern"}
    assert deltas[1]["reasoningContent"]["signature"]
    assert frames[-2][1] == {"stopReason": "tool_use"}
    assert echo.requests()[0]["completed"]


def test_a_stream_may_end_with_an_exception(client):
    frames = frames_of(post(client, said("a b [[echo error_after=2]]"), "converse-stream"))
    assert frames[-1][0] == "serviceUnavailableException"


def test_claude_is_invoked_with_its_own_body(client):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hello you"}],
    }
    answer = post(client, body, "invoke").json()
    assert answer["content"] == [{"type": "text", "text": "hello you"}]
    frames = frames_of(post(client, body, "invoke-with-response-stream"))
    assert {kind for kind, _ in frames} == {"chunk"}
    events = [json.loads(base64.b64decode(payload["bytes"])) for _, payload in frames]
    assert events[0]["type"] == "message_start"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 2
    assert post(client, {**body, "model": "claude"}, "invoke").status_code == 400
    assert post(client, {**body, "stream": True}, "invoke").status_code == 400


def results(*ids):
    content = [{"toolResult": {"toolUseId": one, "content": [{"text": "sunny"}]}} for one in ids]
    call = {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {}}}
    turns = [
        {"role": "user", "content": [{"text": "How is it?"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": content},
    ]
    return {"messages": turns, "toolConfig": TOOLS}


def test_results_are_answered_with_their_text(client):
    answer = post(client, results("t1")).json()
    assert answer["output"]["message"]["content"] == [{"text": "sunny"}]


def image(source):
    content = [{"image": {"format": "png", "source": source}}]
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (said("a", foo=1), "no member foo"),
        (said("a", inferenceConfig={"topK": 1}), "no member inferenceConfig.topK"),
        (said("a", inferenceConfig={"temperature": 2}), "less than or equal to 1"),
        (said(" "), "is blank"),
        (results(), "length greater than or equal to 1"),
        (results("t2"), "does not match"),
        (results("t1") | {"toolConfig": None}, "toolConfig field must be defined"),
        (image({"bytes": "?"}), "invalid base64"),
        (image({"url": "https://x"}), "no member"),
        ({"messages": said("a")["messages"] * 2}, "must alternate"),
    ],
)
def test_what_the_service_model_does_not_have_is_refused(client, body, words):
    refused = post(client, body)
    assert refused.status_code == 400
    assert refused.headers["x-amzn-errortype"] == "ValidationException"
    assert words in refused.json()["message"]


def test_signatures_of_thoughts_must_come_back_byte_for_byte(client):
    body = said("hello [[echo thoughts=1]]", additionalModelRequestFields=THINKING)
    content = post(client, body).json()["output"]["message"]["content"]
    turns = [*body["messages"], {"role": "assistant", "content": content}]
    again = {"messages": [*turns, {"role": "user", "content": [{"text": "go on"}]}]}
    assert post(client, again).status_code == 200
    content[0]["reasoningContent"]["reasoningText"]["text"] = "another thought"
    assert "Invalid `signature`" in post(client, again).json()["message"]


def test_a_model_that_there_is_not(client):
    refused = post(client, said("a"), model="nix")
    assert refused.json()["message"] == "The provided model identifier is invalid."
