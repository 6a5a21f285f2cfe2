"""Gemini's dialect at the front, by Google's own client, and Gemini's provider at the back."""

from types import SimpleNamespace

import msgspec
import pytest
from google import genai
from google.genai import errors, types

from common.domain.usage import Tokens
from tests.support.relay_process import (
    MODELS,
    PATHS,
    STORED_CREDENTIAL,
    ask,
    capturing,
    stored_account,
)

MODEL = "gemini-2.5-flash"
GENERATE = f"/v1beta/models/{MODEL}:generateContent"
SAID = {"contents": [{"role": "user", "parts": [{"text": "hello my world"}]}]}


def account_of(echo, provider, name, model, **fields):
    made = stored_account(echo.url, provider=provider, models={name: model}, **fields)
    return made if provider == "openai" else msgspec.structs.replace(made, base_url=echo.url)


@pytest.fixture
def google(relay, echo):
    """Google's own client, and an account of Gemini's."""
    relay.project_accounts(account_of(echo, "gemini", MODEL, MODEL))
    options = types.HttpOptions(base_url=relay.url)
    with genai.Client(api_key=relay.key, http_options=options) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["gemini", "openai", "anthropic"])
def test_googles_client_is_answered_by_any_provider(relay, echo, google, provider, stream):
    served = MODEL if provider == "gemini" else MODELS[provider]
    relay.project_accounts(account_of(echo, provider, "any", served))
    if stream:
        chunks = google.models.generate_content_stream(model="any", contents="hello my world")
        text = "".join(chunk.text or "" for chunk in chunks)
    else:
        text = google.models.generate_content(model="any", contents="hello my world").text or ""
    assert text == "hello my world"
    (asked,) = echo.requests()
    assert (asked["model"], asked["stream"]) == (served, stream)
    record = relay.only_record()
    assert (record.status, record.dialect, record.provider) == ("ok", "gemini", provider)
    assert record.endpoint == ("gemini.stream" if stream else "gemini.generate")
    assert (record.model_requested, record.priced_as) == ("any", served)
    assert record.tokens == Tokens(asked["input_tokens"], asked["output_tokens"])
    assert record.usage_source == "reported"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("caller", PATHS)
def test_gemini_answers_callers_of_other_dialects(relay, echo, caller, stream):
    relay.project_accounts(account_of(echo, "gemini", "any", MODEL))
    body = ask(caller, stream=stream) | {"model": "any"}
    answer = relay.client.post(PATHS[caller], json=body)
    assert answer.status_code == 200, answer.text
    assert answer.content.count(b"hello") == 1
    assert (b"[DONE]" in answer.content or b"message_stop" in answer.content) == stream
    (asked,) = echo.requests()
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.provider) == ("ok", "gemini")
    assert record.tokens == Tokens(asked["input_tokens"], asked["output_tokens"])


def test_what_is_geminis_own_passes_byte_by_byte(relay):
    given = b'{ "contents":[{"parts":[{"text":"\\u0068i"}]}],  "unknown" : 1.0 }'
    answered = b'{"candidates": [ {"content":{"parts":[{"thoughtSignature":"a+/="}]}}],"new":1e0}'
    with capturing(answered) as (url, seen):
        account = account_of(SimpleNamespace(url=url), "gemini", "any", MODEL)
        relay.project_accounts(account)
        headers = {"content-type": "application/json"}
        path = "/v1beta/models/any:generateContent"
        answer = relay.client.post(path, content=given, headers=headers)
    assert answer.content == answered
    ((asked, sent_headers, sent),) = seen
    assert (asked, sent) == (GENERATE, given)
    assert sent_headers["x-goog-api-key"] == STORED_CREDENTIAL
    assert sent_headers["authorization"] is None
    assert answer.headers["x-relay-provider"] == "gemini"
    assert answer.headers["x-relay-model"] == MODEL


def test_counting_embedding_and_listing(relay, google):
    assert google.models.count_tokens(model=MODEL, contents="one two three").total_tokens == 3
    listed = [model.name for model in google.models.list(config={"query_base": True})]
    assert f"models/{MODEL}" in listed
    assert google.models.get(model=MODEL).name == f"models/{MODEL}"
    record = relay.only_record()
    assert (record.endpoint, record.tokens) == ("gemini.count_tokens", Tokens())


@pytest.mark.parametrize("where", ["x-goog-api-key", "query", "nowhere"])
def test_where_the_key_may_stand(relay, google, where):
    del google
    path = f"{GENERATE}?key={relay.key}" if where == "query" else GENERATE
    headers = {"authorization": ""} | ({where: relay.key} if where == "x-goog-api-key" else {})
    answer = relay.client.post(path, json=SAID, headers=headers)
    assert answer.status_code == (401 if where == "nowhere" else 200)
    if where == "nowhere":
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    relay.log_line(answer.headers["x-request-id"])
    assert relay.key not in relay.log.read_text()


@pytest.mark.parametrize("status", [400, 429, 500])
def test_errors_are_googles(relay, echo, google, status):
    for provider, served in (("gemini", MODEL), ("anthropic", MODELS["anthropic"])):
        relay.project_accounts(account_of(echo, provider, "any", served))
        with pytest.raises(
            errors.APIError, match="echo: " if status != 429 else provider
        ) as raised:
            google.models.generate_content(
                model="any",
                contents="hello",
                config={"http_options": {"headers": {"x-echo-fault": f"status={status}"}}},
            )
        assert raised.value.code == status
        relay.reset()
        google._api_client._http_options.headers["x-goog-api-key"] = relay.key


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        (f"/v1beta/models/{MODEL}:streamGenerateContent", 400, "alt"),
        ("/v1beta/models/unheard-of:generateContent", 404, "unheard-of"),
        ("/v1beta/nothing", 404, "/v1beta/nothing"),
        (f"/v1beta/models/{MODEL}:predict", 405, "GET"),
    ],
)
def test_what_is_not_served_is_said_as_google_says_it(relay, google, path, status, word):
    del google
    answer = relay.client.post(path, json=SAID)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == status
    assert word in error["message"]


def test_a_scope_for_chats_is_one_for_geminis(relay, google):
    del google
    for scope, status in (("chat", 200), ("embeddings", 403)):
        headers = {"authorization": f"Bearer {relay.project_key(scopes=[scope])}"}
        assert relay.client.post(GENERATE, json=SAID, headers=headers).status_code == status
