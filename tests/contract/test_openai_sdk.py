"""openai-python against Relay."""

import asyncio
import json

import httpx
import openai
import pytest

MESSAGES = [{"role": "user", "content": "Relay passes every word on"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


@pytest.fixture(scope="module")
def client(stack, key):
    return openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0)


def asking(text):
    return [{"role": "user", "content": text}]


def test_chat(client):
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert answer.choices[0].message.content == "Relay passes every word on"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)


def test_request_id_is_where_the_sdk_looks(client):
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert len(answer._request_id) == 26


def test_stream(client):
    chunks = list(
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "Relay passes every word on"
    assert len(chunks) > 5
    assert all(chunk.choices for chunk in chunks)
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_stream_with_usage_that_was_asked_for(client):
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 5
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_tool_calls_whole_and_streamed(client):
    asked = asking('call weather {"city": "Oslo"}')
    answer = client.chat.completions.create(model="gpt-4o", messages=asked, tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "weather",
        {"city": "Oslo"},
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(model="gpt-4o", messages=asked, tools=TOOLS) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "weather"


def test_async_client_many_at_once(stack, key):
    async def run():
        client = openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=key)
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model="gpt-4o-mini", messages=asking(f"number {number}")
                )
                for number in range(20)
            )
        )
        await client.close()
        return [answer.choices[0].message.content for answer in answers]

    assert asyncio.run(run()) == [f"number {number}" for number in range(20)]


def test_models(client):
    listed = [model.id for model in client.models.list()]
    assert "gpt-4o-mini" in listed
    assert "claude-haiku-4-5" in listed  # any dialect reaches any provider
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-nowhere")


def test_a_wrong_key(stack):
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key="cr_unknown", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as error:
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert error.value.code == "invalid_api_key"


def test_a_wrong_field_is_named(client):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="gpt-4o-mini", messages="hello")
    assert error.value.param == "messages"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("status=400", openai.BadRequestError),
        ("status=404", openai.NotFoundError),
        ("status=422", openai.UnprocessableEntityError),
        ("status=429", openai.RateLimitError),
        ("status=500", openai.InternalServerError),
        ("status=401", openai.InternalServerError),
        ("garbage=html", openai.InternalServerError),
        ("reset", openai.InternalServerError),
    ],
)
def test_a_providers_failure_raises_the_sdks_exception(client, fault, raised):
    with pytest.raises(raised) as error:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=asking(f"hello [[echo {fault}]]")
        )
    assert error.value.request_id
    assert error.value.body["message"]


@pytest.mark.parametrize("fault", ["cut_after=3", "reset_after=3", "error_after=3"])
def test_a_stream_that_breaks_raises(client, fault):
    # The break may come in one packet with the beginning: then there is no stream to begin.
    with pytest.raises(openai.APIError):
        list(
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=asking(f"hello [[echo words=20 {fault}]]"),
                stream=True,
            )
        )


def test_a_revoked_key_is_refused_on_its_next_request(stack):
    key = stack.create_key("short-lived")
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0)
    assert client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES).choices
    stack.revoke(key)
    with pytest.raises(openai.AuthenticationError, match="revoked"):
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)


def test_a_final_refusal_is_not_repeated(stack):
    sent = []
    with (
        httpx.Client(event_hooks={"request": [sent.append]}) as http_client,
        openai.OpenAI(
            base_url=f"{stack.url}/v1", api_key="cr_wrong", max_retries=5, http_client=http_client
        ) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert len(sent) == 1
