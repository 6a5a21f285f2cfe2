"""anthropic-sdk-python against Relay: pictures, tools, counting, async, and all its exceptions."""

import asyncio

import anthropic
import pytest

TEXT = "Relay passes every word on"
MODEL = "claude-haiku-4-5"
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
}
TOOL = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = 'call weather {"city": "Oslo"}'


@pytest.fixture(scope="module")
def client(stack, key):
    with anthropic.Anthropic(base_url=stack.url, api_key=key, max_retries=0) as client:
        yield client


def said(content):
    return {"model": MODEL, "messages": [{"role": "user", "content": content}]}


def asking(content):
    return {"max_tokens": 100, **said(content)}


def test_pictures_in_a_message(client, ledgered):
    raw = client.messages.with_raw_response.create(
        **asking([PICTURE, {"type": "text", "text": "one two"}])
    )
    assert raw.parse().content[0].text == "one two"
    assert raw.headers["request-id"]
    record = ledgered(raw)
    assert (record["endpoint"], record["tokens"]["input"]) == ("messages", 87)


def test_a_conversation_with_a_tool(client):
    first = client.messages.create(**asking(CALL), tools=[TOOL])
    (call,) = first.content
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny today"}
    turns = [
        {"role": "user", "content": CALL},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(model=MODEL, max_tokens=50, messages=turns, tools=[TOOL])
    assert second.content[0].text == "sunny today"


def test_counting_is_free_and_on_record(client, ledgered, echo):
    raw = client.messages.with_raw_response.count_tokens(**said("one two three"), system="be kind")
    assert raw.parse().input_tokens == 5
    record = ledgered(raw)
    assert (record["endpoint"], record["cost_usd"]) == ("messages.count_tokens", "0.000000000000")
    assert set(record["tokens"].values()) == {0}
    assert echo.get("/last").json()["path"] == "/v1/messages/count_tokens"


def test_counting_agrees_with_what_a_message_uses(client):
    content = [PICTURE, {"type": "text", "text": TEXT}]
    counted = client.messages.count_tokens(**said(content), tools=[TOOL]).input_tokens
    used = client.messages.create(**asking(content), tools=[TOOL]).usage.input_tokens
    assert counted == used


async def test_async_whole_streamed_and_counted(async_messages):
    messages = async_messages.messages
    whole, counted = await asyncio.gather(
        messages.create(**asking(TEXT)), messages.count_tokens(**said(TEXT))
    )
    assert (whole.content[0].text, counted.input_tokens) == (TEXT, 5)
    async with messages.stream(**asking(TEXT)) as stream:
        texts = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(texts) == final.content[0].text == TEXT
    types = [event.type async for event in await messages.create(**asking(TEXT), stream=True)]
    assert types[-1] == "message_stop"


async def test_async_many_at_once(async_messages):
    answers = await asyncio.gather(
        *(async_messages.messages.create(**asking(f"number {number}")) for number in range(20))
    )
    texts = [answer.content[0].text for answer in answers]
    assert texts == [f"number {number}" for number in range(20)]


def test_streaming_response(client):
    with client.messages.with_streaming_response.create(**asking(TEXT)) as answer:
        assert len(answer.headers["x-request-id"]) == 26
        assert answer.parse().content[0].text == TEXT


FAULTS = {
    "status=400": anthropic.BadRequestError,
    "status=404": anthropic.NotFoundError,
    "status=413": anthropic.RequestTooLargeError,
    "status=422": anthropic.UnprocessableEntityError,
    "status=429": anthropic.RateLimitError,
    "status=500": anthropic.InternalServerError,
    "status=503": anthropic.ServiceUnavailableError,
    "status=529": anthropic.OverloadedError,
    "status=401": anthropic.InternalServerError,
    "garbage=html": anthropic.InternalServerError,
    "reset": anthropic.InternalServerError,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_in_counting_raises_the_sdks_exception(client, fault):
    with pytest.raises(FAULTS[fault]) as error:
        client.messages.count_tokens(**said("a"), extra_headers={"x-echo-fault": fault})
    assert error.value.body["error"]["message"]
    assert error.value.request_id


@pytest.mark.parametrize(
    ("changed", "raised"),
    [
        ({"model": ""}, anthropic.BadRequestError),
        ({"messages": "hi"}, anthropic.BadRequestError),
        ({"model": "claude-nowhere"}, anthropic.NotFoundError),
    ],
)
@pytest.mark.parametrize("call", ["create", "count_tokens"])
def test_what_relay_or_the_provider_refuses(client, call, changed, raised):
    given = asking("a") if call == "create" else said("a")
    with pytest.raises(raised) as error:
        getattr(client.messages, call)(**given, extra_body=changed)
    assert error.value.body["type"] == "error"
    assert error.value.request_id


def test_the_key_needs_the_scope(stack):
    key = stack.create_key(scopes=["responses"])
    with anthropic.Anthropic(base_url=stack.url, api_key=key, max_retries=0) as narrow:
        for call, given in (
            (narrow.messages.create, asking("a")),
            (narrow.messages.count_tokens, said("a")),
        ):
            with pytest.raises(anthropic.PermissionDeniedError, match="scope 'messages'"):
                call(**given)


def batch_of(*contents):
    return [
        {"custom_id": f"r{number}", "params": asking(content)}
        for number, content in enumerate(contents)
    ]


def test_a_batch_from_its_beginning_to_its_end(client, ledgered):
    slowly = {"x-echo-fault": "background_ms=200"}
    raw = client.messages.batches.with_raw_response.create(
        requests=batch_of("one two", "three"), extra_headers=slowly
    )
    batch = raw.parse()
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
    while batch.processing_status != "ended":
        batch = client.messages.batches.retrieve(batch.id)
    assert batch.request_counts.succeeded == 2
    texts = {
        one.custom_id: one.result.message.content[0].text
        for one in client.messages.batches.results(batch.id)
    }
    assert texts == {"r0": "one two", "r1": "three"}
    record = ledgered(raw)
    assert (record["endpoint"], record["status"]) == ("messages.batches", "ok")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (3, 3)
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError, match="not found"):
        client.messages.batches.retrieve(batch.id)


def test_batches_are_listed_and_cancelled(client, stack):
    never = {"x-echo-fault": "background_ms=3600000"}
    made = [
        client.messages.batches.create(requests=batch_of("a"), extra_headers=never).id
        for _ in range(3)
    ]
    listed = [batch.id for batch in client.messages.batches.list(limit=2)]
    assert listed[:3] == made[::-1]
    with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
        client.messages.batches.delete(made[0])
    for identifier in made:
        assert client.messages.batches.cancel(identifier).request_counts.canceled == 1
    other = stack.create_key("another")
    with anthropic.Anthropic(base_url=stack.url, api_key=other, max_retries=0) as another:
        assert list(another.messages.batches.list()) == []
        for ask in (another.messages.batches.retrieve, another.messages.batches.cancel):
            with pytest.raises(anthropic.NotFoundError):
                ask(made[0])


def test_what_is_no_batch_is_refused_by_name(client):
    mixed = batch_of("a", "b")
    mixed[1]["params"]["model"] = "claude-sonnet-4-5"
    with pytest.raises(anthropic.BadRequestError, match=r"requests\[1\]"):
        client.messages.batches.create(requests=mixed)
