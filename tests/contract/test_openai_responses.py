"""openai-python against Relay: responses made, streamed, followed, read again, deleted."""

import json

import openai
import pydantic
import pytest

from common.domain.ids import ulid_to_uuid

TEXT = "Relay passes every word on"
MODEL = "gpt-4o-mini"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
CALL = 'call weather {"city": "Oslo"}'


def test_a_response(sdk, ledgered):
    raw = sdk.responses.with_raw_response.create(model=MODEL, input=TEXT, instructions="be kind")
    answer = raw.parse()
    assert (answer.output_text, answer.status) == (TEXT, "completed")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 5)
    assert answer._request_id == raw.headers["x-request-id"]
    record = ledgered(raw)
    assert (record["endpoint"], record["model_served"]) == ("responses", "gpt-4o-mini-2024-07-18")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (7, 5)


def test_cached_and_reasoning_tokens_reach_the_ledger(sdk, ledgered):
    raw = sdk.responses.with_raw_response.create(
        model="o3", input="a b c d", extra_headers={"x-echo-fault": "cached=3 reasoning=7"}
    )
    tokens = ledgered(raw)["tokens"]
    assert (tokens["input"], tokens["cache_read"]) == (1, 3)
    assert (tokens["output"], tokens["reasoning"]) == (11, 7)


def test_a_stream(sdk):
    events = list(sdk.responses.create(model=MODEL, input=TEXT, stream=True))
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == TEXT
    assert len(deltas) == 5
    assert events[-1].response.usage.output_tokens == 5


def test_the_sdks_own_stream_and_tools(sdk):
    asked = {"model": MODEL, "input": CALL, "tools": TOOLS}
    with sdk.responses.stream(**asked) as stream:
        streamed = stream.get_final_response()
    for answer in (streamed, sdk.responses.create(**asked)):
        (call,) = answer.output
        assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})


def test_a_conversation_with_a_tool(sdk):
    first = sdk.responses.create(model=MODEL, input=CALL, tools=TOOLS)
    output = {
        "type": "function_call_output",
        "call_id": first.output[0].call_id,
        "output": "sunny today",
    }
    second = sdk.responses.create(model=MODEL, previous_response_id=first.id, input=[output])
    assert second.output_text == "sunny today"
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens > first.usage.output_tokens


def test_structured_output(sdk):
    class City(pydantic.BaseModel):
        city: str

    answer = sdk.responses.parse(model=MODEL, input='{"city": "Oslo"}', text_format=City)
    assert answer.output_parsed == City(city="Oslo")


def test_pictures_in_the_input(sdk, ledgered):
    content = [
        {"type": "input_text", "text": "one two"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw0="},
    ]
    raw = sdk.responses.with_raw_response.create(
        model=MODEL, input=[{"role": "user", "content": content}]
    )
    assert raw.parse().output_text == "one two"
    assert ledgered(raw)["tokens"]["input"] == 87


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_read_again_and_deleted(sdk, stream):
    made = sdk.responses.create(model=MODEL, input="a b c", stream=stream)
    if stream:
        made = list(made)[-1].response
    assert sdk.responses.retrieve(made.id).output_text == "a b c"
    (item,) = sdk.responses.input_items.list(made.id, limit=5)
    assert item.content[0].text == "a b c"
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        sdk.responses.cancel(made.id)
    sdk.responses.delete(made.id)
    for ask in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.cancel):
        with pytest.raises(openai.NotFoundError, match="not found"):
            ask(made.id)


def test_a_response_in_the_background_is_polled_to_its_end(sdk, ledgered):
    slowly = {"x-echo-fault": "background_ms=200"}
    raw = sdk.responses.with_raw_response.create(
        model=MODEL, input="a b", background=True, extra_headers=slowly
    )
    made = raw.parse()
    assert (made.status, made.background) == ("queued", True)
    while made.status in ("queued", "in_progress"):
        made = sdk.responses.retrieve(made.id)
    assert (made.status, made.output_text) == ("completed", "a b")
    record = ledgered(raw)
    assert (record["endpoint"], record["status"]) == ("responses", "ok")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (2, 2)


def test_a_response_in_the_background_is_streamed(sdk):
    events = list(sdk.responses.create(model=MODEL, input="a b", background=True, stream=True))
    assert [events[0].type, events[1].type] == ["response.created", "response.queued"]
    assert events[-1].response.usage.output_tokens == 2


def test_a_response_in_the_background_is_cancelled(sdk):
    never = {"x-echo-fault": "background_ms=3600000"}
    made = sdk.responses.create(model=MODEL, input="a b", background=True, extra_headers=never)
    with pytest.raises(openai.BadRequestError, match="cancel it first"):
        sdk.responses.delete(made.id)
    assert sdk.responses.cancel(made.id).status == "cancelled"
    sdk.responses.delete(made.id)


def test_what_is_not_stored_and_what_is_anothers(stack, sdk):
    made = sdk.responses.create(model=MODEL, input="a", store=False)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(made.id)
    mine = sdk.responses.create(model=MODEL, input="a")
    key = stack.create_key("another")
    with openai.OpenAI(base_url=sdk.base_url, api_key=key, max_retries=0) as other:
        for ask in (other.responses.retrieve, other.responses.delete):
            with pytest.raises(openai.NotFoundError):
                ask(mine.id)
        with pytest.raises(openai.BadRequestError) as error:
            other.responses.create(model=MODEL, input="a", previous_response_id=mine.id)
        assert error.value.param == "previous_response_id"
    assert sdk.responses.retrieve(mine.id).id == mine.id


def test_what_is_read_again_is_not_billed_again(stack, echo):
    key = stack.create_key("reader")
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0) as client:
        made = client.responses.with_raw_response.create(model=MODEL, input="a b c")
        identifier = made.parse().id
        for _ in range(3):
            client.responses.retrieve(identifier)
            list(client.responses.input_items.list(identifier))
        client.responses.delete(identifier)
    record = stack.wait_for_record(made.headers["x-request-id"])
    stack.wait_until_settled()
    asked = {one["request_id"] for one in echo.get("/requests").json()["requests"]}
    assert len(asked) == 8
    assert [row["key_id"] for row in stack.ledger()].count(ulid_to_uuid(record["key_id"])) == 1


@pytest.mark.parametrize("fault", ["cut_after=4", "reset_after=4", "error_after=4"])
def test_a_stream_that_breaks_raises(sdk, fault):
    # The break may come in one packet with the beginning: then there is no stream to begin.
    with pytest.raises(openai.APIError) as error:
        list(
            sdk.responses.create(model=MODEL, input=f"hello [[echo words=20 {fault}]]", stream=True)
        )
    assert error.value.message


def test_what_fails_and_what_ends_early_is_an_answer(sdk):
    failed = sdk.responses.create(model=MODEL, input="a [[echo failed=rate_limit_exceeded]]")
    assert (failed.status, failed.error.code) == ("failed", "rate_limit_exceeded")
    cut = sdk.responses.create(model=MODEL, input="a " * 20, max_output_tokens=16)
    assert cut.incomplete_details.reason == "max_output_tokens"


async def test_async(async_sdk):
    made = await async_sdk.responses.create(model=MODEL, input=TEXT)
    assert made.output_text == TEXT
    types = [
        event.type
        async for event in await async_sdk.responses.create(model=MODEL, input=TEXT, stream=True)
    ]
    assert types[-1] == "response.completed"
    async with async_sdk.responses.stream(model=MODEL, input=TEXT) as stream:
        assert (await stream.get_final_response()).output_text == TEXT
    assert (await async_sdk.responses.retrieve(made.id)).output_text == TEXT
    items = [item async for item in async_sdk.responses.input_items.list(made.id)]
    assert len(items) == 1
    await async_sdk.responses.delete(made.id)
