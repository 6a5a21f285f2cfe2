"""Every endpoint: what comes through relay is what the provider said, and was asked."""

import json
import re

import httpx
import pytest

from tests.support.asking import (
    FORM_ENDPOINTS,
    JSON_ENDPOINTS,
    METERED,
    PATHS,
    asked,
    members_of,
)
from tests.support.relay_process import capturing, events, stored_account, without_made_up

# What is made up anew for every answer, beyond `without_made_up`.
_MORE_MADE_UP = re.compile(
    rb"(?:resp|msg|fc|rs|cmpl|modr|item|call)[_-][0-9A-Za-z]{8,}"
    rb'|(?<="obfuscation":")[^"]*|(?<=_at":)\d+(?:\.\d+)?|(?<="openai-processing-ms":)\d+'
)
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALL = 'call weather {"city": "Bern"}'
TOOL = {"type": "function", "name": "weather", "parameters": WEATHER}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}

# Requests beside the good one of each endpoint; `stream` marks what streams.
MORE = [
    ("completions", {"prompt": ["a b", "größer"], "n": 2, "logprobs": 1}),
    ("completions", {"stream": True, "n": 2}),
    ("completions", {"stream": True, "stream_options": {"include_usage": True}}),
    ("responses", {"stream": True}),
    ("responses", {"input": "größer 日本 \U0001f600", "stream": True, "store": False}),
    ("responses", {"input": CALL, "tools": [TOOL]}),
    ("responses", {"input": CALL, "tools": [TOOL], "stream": True}),
    ("responses", {"input": "[[echo reasoning=3 cached=1]] a b c", "stream": True}),
    ("responses", {"input": "[[echo failed=server_error]] a", "stream": True}),
    ("responses", {"input": [{"role": "user", "content": [PICTURE]}]}),
    ("embeddings", {"input": ["a", "b c"], "encoding_format": "base64", "dimensions": 8}),
    ("embeddings", {"input": [[1, 2], [3]]}),
    ("moderations", {"input": ["violence", "peace"]}),
    ("moderations", {"model": None}),
    ("images.generations", {"n": 2, "size": "1024x1536"}),
    ("images.generations", {"stream": True, "partial_images": 2}),
    ("images.generations", {"model": None}),
    ("images.generations", {"model": "dall-e-3", "response_format": "b64_json"}),
    ("images.edits", {"stream": b"true", "partial_images": b"1"}),
    ("images.edits", {"model": None}),
    ("images.variations", {"n": b"2", "response_format": b"b64_json", "size": b"256x256"}),
    ("images.variations", {"model": None}),
    ("audio.speech", {"response_format": "wav", "model": "tts-1"}),
    ("audio.speech", {"stream_format": "sse"}),
    ("audio.transcriptions", {"stream": b"true"}),
    ("audio.transcriptions", {"response_format": b"text"}),
    ("audio.transcriptions", {"model": b"whisper-1", "response_format": b"srt"}),
    ("audio.transcriptions", {"model": b"whisper-1", "response_format": b"vtt"}),
    ("audio.transcriptions", {"model": b"whisper-1", "response_format": b"verbose_json"}),
    ("audio.translations", {"response_format": b"text"}),
]
# Errors of the provider are as much its own words as answers are.
WRONG = [
    ("completions", {"prompt": 5}),
    ("responses", {"input": {"a": 1}}),
    ("embeddings", {"dimensions": -1}),
    ("moderations", {"input": [{"type": "none"}]}),
    ("images.generations", {"quality": "none"}),
    ("images.variations", {"size": b"1x1"}),
    ("audio.speech", {"voice": None}),
    ("audio.transcriptions", {"temperature": b"7"}),
    ("messages.count_tokens", {"messages": [{"role": "none", "content": "a"}]}),
]


@pytest.fixture
def direct(echo):
    with httpx.Client(
        base_url=echo.url, headers={"authorization": "Bearer k"}, timeout=30, trust_env=False
    ) as client:
        yield client


def comparable(content):
    return _MORE_MADE_UP.sub(b"*", without_made_up(content))


def ids(cases):
    return [
        f"{endpoint} {' '.join(f'{name}' for name in members) or 'plain'} {number}"
        for number, (endpoint, members) in enumerate(cases)
    ]


def same(direct, relay, request):
    """Ask both ways; the caller's answer, once it is known to be the provider's."""
    there, here = (client.post(**request.options) for client in (direct, relay.client))
    assert here.status_code == there.status_code
    assert here.headers["content-type"] == there.headers["content-type"]
    if here.headers["content-type"].startswith("text/event-stream"):
        assert events(comparable(here.content)) == events(comparable(there.content))
    else:
        assert comparable(here.content) == comparable(there.content)
    return here


PLAIN = [(name, {}) for name in METERED]


@pytest.mark.parametrize(("endpoint", "members"), PLAIN + MORE, ids=ids(PLAIN + MORE))
def test_answers_are_the_providers_own(direct, relay, echo, endpoint, members):
    here = same(direct, relay, asked(endpoint, **members))
    assert here.status_code == 200, here.text
    streams = "stream" in members or members.get("stream_format") == "sse"
    assert here.headers["content-type"].startswith("text/event-stream") == streams
    there, through = echo.requests()
    assert {
        name: there[name] for name in ("endpoint", "model", "input_tokens", "output_tokens")
    } == {name: through[name] for name in ("endpoint", "model", "input_tokens", "output_tokens")}
    record = relay.record(here.headers["x-request-id"])
    assert (record.endpoint, record.status, record.attempts) == (endpoint, "ok", 1)
    if record.usage_source == "reported":
        assert record.tokens.output == through["output_tokens"]
        assert record.tokens.total >= through["input_tokens"]


@pytest.mark.parametrize(("endpoint", "members"), WRONG, ids=ids(WRONG))
def test_errors_are_the_providers_own(direct, relay, echo, endpoint, members):
    here = same(direct, relay, asked(endpoint, **members))
    assert 400 <= here.status_code < 500
    assert len(echo.requests()) == 2
    record = relay.record(here.headers["x-request-id"])
    assert (record.status, record.tokens.total) == ("error", 0)
    assert record.cost_usd == "0.000000000000"


@pytest.mark.parametrize("endpoint", METERED)
def test_what_is_asked_arrives_byte_by_byte(direct, relay, echo, endpoint):
    if endpoint in JSON_ENDPOINTS:
        request = asked(endpoint, x_new=[1.0, {"deep": None}, "ä"], user="u-1")
    else:
        request = asked(endpoint, x_new=b"\r\n--not the end\r\n", user=b"u-1")
    seen = []
    for client in (direct, relay.client):
        client.post(**request.options)
        seen.append(echo.last())
    there, here = seen
    for name in ("path", "body", "form"):
        assert here.get(name) == there.get(name)
    for name in ("content-type", "content-length"):
        assert here["headers"][name] == there["headers"][name]


ODD = b'\n{ "x":{"model":"no"},"seed":1.0e2,"big":12345678901234567890123,"a":1,"a":2,\t'
UNKNOWN = {
    "chat.completions": b'{"choices":[],"x_new":[1.50,"\\u00e4\\/"],"model":"m" }\n',
    "completions": b'{ "choices":[],"x_new":{"a":1,"a":2}}',
    "responses": b'{"object":"response","id":"resp_1","x_new":1e2,"output":[ ]}',
    "embeddings": b'{"data":[{"embedding":[0.10,-0.0]}],"x_new":12345678901234567890}',
    "moderations": b'{"results":[{"x_new":null}] , "id":"modr-1"}',
    "images.generations": b'{"data":[{"url":"https:\\/\\/x"}],"x_new":[]}',
    "images.edits": b'{"data":[],"x_new":{"usage":null}}',
    "images.variations": b'\t{"data":[],"created":1.0}',
    "audio.transcriptions": b'{"text":"\\u00fc","x_new":[[[]]],"usage":null}',
    "audio.translations": b'{"text":"","x_new":0.30}',
}


@pytest.mark.parametrize("endpoint", UNKNOWN)
def test_unknown_members_and_odd_bytes_come_and_go(relay, endpoint):
    given = asked(endpoint)
    if endpoint in JSON_ENDPOINTS:
        spaced = json.dumps(members_of(endpoint), indent=1).encode()
        given = given._replace(body=ODD + spaced[1:] + b" \n")
    with capturing(UNKNOWN[endpoint]) as (url, seen):
        relay.project_accounts(stored_account(url))
        answer = relay.client.post(**given.options)
    assert answer.content == UNKNOWN[endpoint]
    ((path, headers, body),) = seen
    assert (path, body) == (given.path, given.body)
    assert headers["content-type"] == given.content_type


@pytest.mark.parametrize("endpoint", UNKNOWN)
def test_a_model_by_another_name_is_one_span_of_the_request(relay, endpoint):
    given = asked(endpoint, model="house" if endpoint in JSON_ENDPOINTS else b"house")
    if endpoint in JSON_ENDPOINTS:
        given = given._replace(body=ODD + given.body[1:] + b"\r\n")
    with capturing(UNKNOWN[endpoint]) as (url, seen):
        relay.project_accounts(stored_account(url, models={"house": "a-much-longer-name"}))
        answer = relay.client.post(**given.options)
    assert answer.content == UNKNOWN[endpoint]
    ((_, _, body),) = seen
    assert body == given.body.replace(b"house", b"a-much-longer-name", 1)
    record = relay.record(answer.headers["x-request-id"])
    assert record.model_requested == "house"


@pytest.mark.parametrize("endpoint", ["images.generations", "moderations", "images.edits"])
def test_a_model_that_nobody_named_is_named_where_the_account_has_another(relay, endpoint):
    default = "omni-moderation-latest" if endpoint == "moderations" else "dall-e-2"
    given = asked(endpoint, model=None)
    with capturing(UNKNOWN[endpoint]) as (url, seen):
        relay.project_accounts(stored_account(url, models={default: "own-name"}))
        assert relay.client.post(**given.options).status_code == 200
    ((_, _, body),) = seen
    assert len(body) > len(given.body)
    assert b"own-name" in body
    if endpoint in FORM_ENDPOINTS:
        assert body.endswith(given.body)
        assert body.count(b'name="model"') == 1
    else:
        assert json.loads(body) == {"model": "own-name"} | json.loads(given.body)


STREAMED = {
    "responses": ({"stream": True}, b'"type":"response.completed","response":{"model":"m"}'),
    "images.generations": ({"stream": True}, b'"type":"image_generation.completed"'),
    "images.edits": ({"stream": b"1"}, b'"type":"image_edit.completed"'),
    "audio.speech": ({"stream_format": "sse"}, b'"type":"speech.audio.done"'),
    "audio.transcriptions": ({"stream": b"true"}, b'"type":"transcript.text.done"'),
    "completions": ({"stream": True}, None),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("endpoint", STREAMED)
def test_unknown_events_and_members_of_a_stream(relay, endpoint, end):
    members, last = STREAMED[endpoint]
    sent = [
        b": a comment",
        b"event: x.new" + end + b'data: {"x_new" : 1.50,' + end + b'data:"type":"x"}',
        b"id: 7" + end + b"retry: 10",
        b"data: no json",
        b'data: {"type":"x.delta","delta":"\\u00e4","unknown":[null]}',
        b"data: [DONE]" if last is None else b"data: {" + last + b',"usage":null,"x":{}}',
    ]
    stream = b"".join(event + end * 2 for event in sent)
    with capturing(stream, ("content-type", "text/event-stream")) as (url, _):
        relay.project_accounts(stored_account(url))
        answer = relay.client.post(**asked(endpoint, **members).options)
    assert answer.content == stream
    assert relay.record(answer.headers["x-request-id"]).status == "ok"


def test_every_endpoint_is_asked_here():
    assert set(PATHS) == set(METERED)
    assert {name for name, _ in MORE} >= set(UNKNOWN) - {"chat.completions"}
