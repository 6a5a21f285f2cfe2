"""OpenAI's batches: what their file asks for, and what their results used."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest
from common.dialects.job_readers import JOBS
from common.dialects.jobs import UnreadableResults
from common.dialects.openai.batch_jobs import files_of
from common.dialects.openai.batches import read_input
from common.domain.usage import Tokens

CHAT = "/v1/chat/completions"
READER = JOBS["batch"]


def body(endpoint=CHAT):
    asked = {"input_file_id": "file-1", "endpoint": endpoint, "completion_window": "24h"}
    return json.dumps(asked).encode()


def line(url=CHAT, **members):
    asked = {"model": "gpt-4o-mini", "messages": [], "max_completion_tokens": 7} | members
    return json.dumps({"custom_id": "a", "method": "POST", "url": url, "body": asked}).encode()


def shown(status, **members):
    return json.dumps({"id": "batch_1", "object": "batch", "status": status} | members).encode()


def test_what_a_file_asks_for():
    parsed, bound = read_input(body(), b"\n".join([line(), line(n=2), b""]))
    assert (parsed.model, parsed.follows, parsed.job) == ("gpt-4o-mini", "file-1", "batch")
    assert (parsed.job_output_tokens, parsed.service_tier) == (7 + 14, "batch")
    assert [(part.choices, cap, part.tier) for part, cap in bound.parts] == [
        (1, 7, "batch"),
        (2, 7, "batch"),
    ]
    assert bound.unbounded is None


def test_embeddings_generate_nothing_and_moderations_are_free():
    embedded = read_input(body("/v1/embeddings"), line("/v1/embeddings", input="a"))
    assert embedded.parsed.job_output_tokens == 0
    assert embedded.bound.parts[0][0].generates is False
    assert read_input(body("/v1/moderations"), line("/v1/moderations", input="a")).bound.free


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "from 1 to"),
        (b"{", "line 1"),
        (line() + b"\n" + line(model="gpt-4o"), "line 2 names 'gpt-4o'"),
        (line("/v1/responses"), "'url' must be"),
        (line(stream=True), "'stream'"),
        (line(model=""), "'model' must not be empty"),
    ],
)
def test_what_is_no_batch_is_refused_by_its_line(file, words):
    with pytest.raises(BadRequest, match=words) as refused:
        read_input(body(), file)
    assert refused.value.field == "input_file_id"


@pytest.mark.parametrize("member", [{"background": True}, {"previous_response_id": "resp_1"}])
def test_requests_of_a_batch_stand_alone(member):
    with pytest.raises(BadRequest, match="is not for batches"):
        read_input(body("/v1/responses"), line("/v1/responses", input="a", **member))


def test_a_batch_of_an_endpoint_that_is_not_metered_is_refused():
    with pytest.raises(BadRequest, match="'endpoint'"):
        OPERATIONS["batches"].parse_request(body("/v1/videos"))


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
def test_a_batch_goes_on(status):
    assert not READER.read_state(shown(status)).ended


@pytest.mark.parametrize("status", ["completed", "expired", "cancelled"])
def test_an_ended_batch_is_billed_by_its_file(status):
    state = READER.read_state(shown(status, output_file_id="file-2", error_file_id="file-3"))
    assert (state.ended, state.result) == (True, None)
    assert state.results_path == "/v1/files/file-2/content"
    assert files_of(shown(status, output_file_id="file-2", error_file_id="file-3")) == [
        "file-2",
        "file-3",
    ]


@pytest.mark.parametrize(
    ("status", "ends"), [("failed", "error"), ("expired", "error"), ("cancelled", "cancelled")]
)
def test_without_a_file_nothing_was_used(status, ends):
    result = READER.read_state(shown(status)).result
    assert (result.status, result.tokens) == (ends, Tokens())


@pytest.mark.parametrize("other", [b"<html>", b'{"object":"list","status":"completed"}'])
def test_what_is_no_batch(other):
    assert READER.read_state(other) is None
    assert files_of(other) == []


def answered(status=200, **members):
    told = {"status_code": status, "body": {"model": "m"} | members}
    return json.dumps({"custom_id": "a", "response": told, "error": None}).encode() + b"\n"


def test_results_are_summed_whatever_endpoint_they_are_of():
    reader = READER.results(None)
    chat = answered(usage={"prompt_tokens": 5, "completion_tokens": 2})
    response = answered(usage={"input_tokens": 7, "output_tokens": 3})
    for chunk in (chat[:9], chat[9:] + response, answered(500), answered(results=[])):
        reader.feed(chunk)
    result = reader.end()
    assert (result.tokens, result.status, result.model) == (Tokens(input=12, output=5), "ok", "m")


def test_results_of_failures_only_are_an_error():
    reader = READER.results(None)
    reader.feed(answered(500))
    assert (reader.end().status, reader.end().tokens) == ("error", Tokens())


@pytest.mark.parametrize("bad", [b"<html>\n", answered()])
def test_unreadable_results_settle_nothing(bad):
    with pytest.raises(UnreadableResults):
        READER.results(None).feed(bad)
