"""/v1/responses as OpenAI's SDK sees it."""

import openai
import pytest

from tests.support.relay_process import eventually

MODEL = "gpt-4o"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}
CALL = 'call weather {"city": "Bern"}'


def test_whole(sdk, echo):
    answer = sdk.responses.create(model=MODEL, input="hello my world", instructions="be kind")
    assert (answer.output_text, answer.status) == ("hello my world", "completed")
    assert answer.model == "gpt-4o-2024-08-06"
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 3, 8)
    (record,) = echo.requests()
    assert (record["endpoint"], record["input_tokens"]) == ("/v1/responses", 5)
    assert (record["output_tokens"], record["stream"], record["completed"]) == (3, False, True)


def test_cached_and_reasoning_tokens(sdk, echo):
    answer = sdk.responses.create(model="o3", input="a b c [[echo cached=2 reasoning=7]]")
    assert answer.usage.input_tokens_details.cached_tokens == 2
    assert answer.usage.output_tokens_details.reasoning_tokens == 7
    assert answer.usage.output_tokens == 10
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    record = echo.requests()[0]
    assert record["cache_read"] == 2
    assert record["input_tokens"] + 2 == answer.usage.input_tokens


def test_stream(sdk, echo):
    events = list(sdk.responses.create(model=MODEL, input="a b", stream=True))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(10))
    final = events[-1].response
    assert (final.output_text, final.usage.output_tokens) == ("a b", 2)
    assert sdk.responses.retrieve(final.id).output_text == "a b"
    record = echo.requests()[0]
    assert (record["chunks_sent"], record["output_tokens"], record["stream"]) == (10, 2, True)


def test_the_sdks_own_stream(sdk):
    with sdk.responses.stream(model=MODEL, input=f"{CALL} and {CALL}", tools=[TOOL]) as stream:
        streamed = stream.get_final_response()
    whole = sdk.responses.create(model=MODEL, input=f"{CALL} and {CALL}", tools=[TOOL])
    for answer in (streamed, whole):
        assert [item.arguments for item in answer.output] == ['{"city": "Bern"}'] * 2
        assert answer.status == "completed"


@pytest.mark.parametrize("stream", [False, True])
def test_incomplete(sdk, stream):
    wanted = {"model": MODEL, "input": "a " * 20, "max_output_tokens": 16}
    answer = sdk.responses.create(**wanted, stream=stream)
    if stream:
        last = list(answer)[-1]
        assert last.type == "response.incomplete"
        answer = last.response
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage.output_tokens == 16
    assert answer.output[0].status == "incomplete"


@pytest.mark.parametrize("stream", [False, True])
def test_failed(sdk, stream):
    answer = sdk.responses.create(model=MODEL, input="a b [[echo failed]]", stream=stream)
    if stream:
        last = list(answer)[-1]
        assert last.type == "response.failed"
        answer = last.response
    assert (answer.status, answer.error.code, answer.usage) == ("failed", "server_error", None)


def test_an_error_within_a_stream(sdk, echo):
    stream = sdk.responses.create(model=MODEL, input="a b c [[echo error_after=6]]", stream=True)
    with pytest.raises(openai.APIError, match="had an error"):
        list(stream)
    assert echo.requests()[0]["output_tokens"] == 2
    kept = sdk.responses.create(model=MODEL, input="a [[echo cut_after=3]]", stream=True)
    first = next(kept)
    with pytest.raises(openai.APIConnectionError):
        list(kept)
    assert sdk.responses.retrieve(first.response.id).status == "in_progress"


def test_a_conversation(sdk, echo):
    first = sdk.responses.create(model=MODEL, input=CALL, tools=[TOOL], instructions="be kind")
    call = first.output[0]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny today"}
    again = {"model": MODEL, "previous_response_id": first.id}
    with pytest.raises(openai.BadRequestError, match="No tool output found"):
        sdk.responses.create(**again, input="hello")
    second = sdk.responses.create(**again, input=[output])
    assert second.output_text == "sunny today"
    assert first.usage.input_tokens > 11 + 2
    assert second.usage.input_tokens == 11 + first.usage.output_tokens + 2
    third = sdk.responses.create(model=MODEL, previous_response_id=second.id, input="x")
    assert third.usage.input_tokens == second.usage.input_tokens + 2 + 1
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model=MODEL, previous_response_id="resp_none", input="x")
    assert caught.value.code == "previous_response_not_found"


def test_kept_responses(sdk, echo):
    items = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    made = sdk.responses.create(model=MODEL, input=[*items, {"role": "user", "content": "c"}])
    assert sdk.responses.retrieve(made.id) == made
    listed = sdk.responses.input_items.list(made.id, limit=2)
    assert [item.content[0].text for item in listed] == ["c", "b", "a"]
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        sdk.responses.cancel(made.id)
    sdk.responses.delete(made.id)
    for ask in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.cancel):
        with pytest.raises(openai.NotFoundError, match="not found"):
            ask(made.id)
    done = [(one["method"], one["status"]) for one in echo.requests()]
    assert ("DELETE", 200) in done
    assert done[-1] == ("POST", 404)


def test_what_is_not_kept(sdk):
    made = sdk.responses.create(model=MODEL, input="a", store=False)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(made.id)


def test_background(sdk):
    def ask(milliseconds):
        asked = f"a b [[echo background_ms={milliseconds}]]"
        return sdk.responses.create(model=MODEL, input=asked, background=True)

    long = ask(60_000)
    assert (long.status, long.output, long.usage) == ("queued", [], None)
    assert sdk.responses.retrieve(long.id).status == "in_progress"
    made = ask(1)
    eventually(lambda: sdk.responses.retrieve(made.id).status == "completed")
    ended = sdk.responses.retrieve(made.id)
    assert (ended.status, ended.usage.output_tokens) == ("completed", 2)
    assert sdk.responses.cancel(made.id).status == "completed"


def test_background_is_cancelled(sdk):
    fault = {"x-echo-fault": "background_ms=60000"}
    made = sdk.responses.create(model=MODEL, input="a b", background=True, extra_headers=fault)
    for _ in range(2):
        assert sdk.responses.cancel(made.id).status == "cancelled"
    assert sdk.responses.retrieve(made.id).status == "cancelled"
    stream = sdk.responses.create(model=MODEL, input="a b", background=True, stream=True)
    assert [event.type for event in stream][1] == "response.queued"


def test_faults_of_get(sdk, echo):
    made = sdk.responses.create(model=MODEL, input="a")
    with pytest.raises(openai.InternalServerError):
        sdk.responses.retrieve(made.id, extra_headers={"x-echo-fault": "status=503"})
    with pytest.raises(openai.BadRequestError, match="streams only"):
        sdk.responses.retrieve(made.id, extra_headers={"x-echo-fault": "cut_after=2"})
