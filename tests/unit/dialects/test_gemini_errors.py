"""Refusals and lists of models as Google's own SDK receives them."""

import json

import httpx
import pytest
from google import genai
from google.genai import errors, types

from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import BadRequest
from common.domain.refusals import Reason, Refusal, RefusedBy
from common.providers.failures import meaning_of
from tests.unit.dialects.test_errors import STATUS

GEMINI = DIALECTS["gemini"]
MESSAGE = 'The "word" is: é\n'


class Network:
    """What Google's SDK is answered: making a client costs more than all calls here."""

    def __init__(self):
        self.paths = []
        self.answer = (200, {}, b"{}")
        client = httpx.Client(transport=httpx.MockTransport(self._respond))
        options = types.HttpOptions(base_url="http://relay", httpx_client=client)
        self._client = genai.Client(api_key="cr_x", http_options=options)

    def models(self, status, headers, body):
        self.answer = (status, headers, body)
        return self._client.models

    def _respond(self, request):
        self.paths.append(request.url.raw_path.decode())
        status, headers, body = self.answer
        return httpx.Response(status, headers=headers, content=body)


def retry_delay_ms(body):
    """As Relay reads it of a provider."""
    return meaning_of(429, body, (), 0).reset_ms


@pytest.fixture(scope="module")
def network():
    return Network()


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_the_sdk_raises_each_refusal_with_its_words(network, reason):
    status, headers, body = GEMINI.error_response(Refusal(reason, MESSAGE, field="f"), "req_7")
    assert status == (402 if reason is Reason.BUDGET_EXHAUSTED else STATUS[reason])
    assert GEMINI.is_error_body(body)
    kind = errors.ClientError if status < 500 else errors.ServerError
    with pytest.raises(kind) as caught:
        network.models(status, headers, body).generate_content(model="m", contents="Hi")
    error = caught.value
    assert (error.code, error.message) == (status, MESSAGE)
    info, violation, request = error.details["error"]["details"]
    assert (info["reason"], info["domain"]) == (reason.value.upper(), "relay")
    assert violation["fieldViolations"] == [{"field": "f", "description": MESSAGE}]
    assert request["requestId"] == "req_7"


def test_when_to_come_again_is_said_twice():
    refusal = Refusal(Reason.RATE_LIMITED, MESSAGE, retry_after_ms=1500)
    status, headers, body = GEMINI.error_response(refusal, "r")
    assert (status, dict(headers)[b"retry-after"]) == (429, b"2")
    assert json.loads(body)["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert retry_delay_ms(body) == 1500
    assert retry_delay_ms(b"[" + body + b"]") == 1500
    assert GEMINI.rate_limit_headers([], 0) == []


@pytest.mark.parametrize(
    ("delay", "expected"),
    [("34s", 34_000), ("0.5s", 500), ("34.074824224s", 34_074), ("soon", None), (5, None)],
)
def test_googles_own_delay(delay, expected):
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = json.dumps({"error": {"message": "m", "details": [{}, detail]}}).encode()
    assert retry_delay_ms(body) == expected


def test_which_limit_refused():
    by = RefusedBy("team", "usd_per_day", "5", "0", None)
    body = GEMINI.error_response(Refusal(Reason.BUDGET_EXHAUSTED, MESSAGE, by=by), "r")[2]
    assert json.loads(body)["error"]["details"][0]["metadata"] == {
        "level": "team",
        "rule": "usd_per_day",
        "limit": "5",
        "remaining": "0",
    }


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"error":"m"}', b'{"error":{}}', b"<html>"])
def test_what_is_no_error(body):
    assert not GEMINI.is_error_body(body)


def stream(network, *events):
    models = network.models(200, {"content-type": "text/event-stream"}, b"".join(events))
    return models.generate_content_stream(model="m", contents="Hi")


def test_the_sdk_raises_at_an_error_in_a_stream(network):
    refusal = Refusal(Reason.UPSTREAM_CUT, MESSAGE)
    said = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n'
    error = OPERATIONS["gemini.stream"].stream_error_event(refusal, "req_7")
    chunks = stream(network, said, GEMINI.keep_alive, error)
    assert next(chunks).text == "a"
    with pytest.raises(errors.ServerError) as caught:
        next(chunks)
    assert caught.value.message == MESSAGE


def test_the_sdk_reads_on_over_keep_alives(network):
    said = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n'
    assert [one.text for one in stream(network, said, GEMINI.keep_alive, said)] == ["a", "a"]


def page(models, query=""):
    return json.loads(GEMINI.models_response(models, query))


def test_pages_walk_the_list_once():
    models = [f"m{number}" for number in range(7)]
    walked, token = [], ""
    while True:
        listed = page(models, f"pageSize=3&pageToken={token}" if token else "pageSize=3")
        walked += [one["name"] for one in listed["models"]]
        token = listed.get("nextPageToken")
        if token is None:
            break
    assert walked == [f"models/{model}" for model in models]
    assert len(page(models, "pageSize=0")["models"]) == 7
    assert page([]) == {"models": []}


@pytest.mark.parametrize(
    ("query", "field"), [("pageSize=-1", "pageSize"), ("pageToken=x", "pageToken")]
)
def test_a_page_that_is_none(query, field):
    with pytest.raises(BadRequest) as caught:
        page(["m"], query)
    assert caught.value.field == field


def test_the_sdk_reads_models(network):
    body = GEMINI.models_response(["gemini-x", "gemini-embedding-1"], "")
    chat, embedding = network.models(200, {}, body).list()
    assert (chat.name, chat.supported_actions[0]) == ("models/gemini-x", "generateContent")
    assert embedding.supported_actions[0] == "embedContent"
    models = network.models(200, {}, GEMINI.model_response("gemini-x"))
    assert models.get(model="gemini-x").name == "models/gemini-x"
    assert network.paths[-1] == "/v1/models/gemini-x"  # routes must take both versions
