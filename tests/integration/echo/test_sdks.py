"""The providers' own SDKs take the echo provider for a provider."""

import time

import anthropic
import openai
import pytest

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
ANTHROPIC_TOOL = {"name": "weather", "input_schema": WEATHER}
CALL = 'call weather {"city": "Bern"}'


@pytest.fixture
def chat(echo):
    with openai.OpenAI(base_url=f"{echo.url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def messages(echo):
    with anthropic.Anthropic(base_url=echo.url, api_key="k", max_retries=0) as client:
        yield client


def said(content):
    return {"messages": [{"role": "user", "content": content}]}


def test_openai_whole(chat, echo):
    answer = chat.chat.completions.create(
        model="gpt-4o", **said("hello my world"), extra_headers={"x-client-request-id": "id-1"}
    )
    assert answer.choices[0].message.content == "hello my world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4o-2024-08-06"
    assert answer.usage.total_tokens == 6
    (record,) = echo.requests()
    assert 0 <= time.time() - record.pop("time_s") < 60
    assert record == {
        "request_id": "id-1",
        "dialect": "openai",
        "endpoint": "/v1/chat/completions",
        "method": "POST",
        "model": "gpt-4o",
        "stream": False,
        "status": 200,
        "completed": True,
        "client_gone": False,
        "input_tokens": 3,
        "output_tokens": 3,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "images": 0,
        "seconds": 0,
        "characters": 0,
        "chunks_sent": 0,
    }
    assert echo.last()["body"]["messages"] == said("hello my world")["messages"]
    assert echo.last()["headers"]["authorization"] == "Bearer k"


def test_openai_stream(chat, echo):
    stream = chat.chat.completions.create(
        model="gpt-4o", **said("a b c"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "a b c"
    assert chunks[-1].usage.completion_tokens == 3
    (record,) = echo.requests()
    assert (record["completed"], record["chunks_sent"], record["output_tokens"]) == (True, 7, 3)


def test_openai_calls_tools(chat):
    with chat.chat.completions.stream(
        model="gpt-4o", **said(f"{CALL} and {CALL}"), tools=[OPENAI_TOOL]
    ) as stream:
        streamed = stream.get_final_completion().choices[0]
    whole = chat.chat.completions.create(
        model="gpt-4o", **said(f"{CALL} and {CALL}"), tools=[OPENAI_TOOL]
    ).choices[0]
    for choice in (streamed, whole):
        assert choice.finish_reason == "tool_calls"
        assert [call.function.arguments for call in choice.message.tool_calls] == [
            '{"city": "Bern"}'
        ] * 2


def test_openai_several_choices(chat):
    answer = chat.chat.completions.create(model="gpt-4o", **said("hi"), n=2)
    assert [choice.message.content for choice in answer.choices] == ["hi", "hi"]
    with chat.chat.completions.stream(model="gpt-4o", **said("a b"), n=2) as stream:
        choices = stream.get_final_completion().choices
    assert [choice.message.content for choice in choices] == ["a b", "a b"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_openai_errors(chat, status, error):
    with pytest.raises(error) as caught:
        chat.chat.completions.create(model="gpt-4o", **said(f"[[echo status={status} code=c]]"))
    assert caught.value.code == "c"


def test_openai_fails_within_a_stream(chat):
    stream = chat.chat.completions.create(
        model="gpt-4o", **said("a b c [[echo error_after=2]]"), stream=True
    )
    with pytest.raises(openai.APIError, match="had an error"):
        list(stream)


def test_openai_models(chat):
    assert "gpt-4o" in [model.id for model in chat.models.list()]
    assert chat.models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        chat.models.retrieve("nothing")


def test_anthropic_whole(messages, echo):
    fault = "cached=1 cache_write=1"
    answer = messages.messages.create(
        model="claude-sonnet-5",
        max_tokens=50,
        **said("hello my world"),
        extra_headers={"x-echo-fault": fault},
    )
    assert answer.content[0].text == "hello my world"
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 3)
    assert answer.usage.cache_creation.ephemeral_5m_input_tokens == 1
    (record,) = echo.requests()
    assert (record["input_tokens"], record["cache_read"], record["cache_write_5m"]) == (1, 1, 1)


def test_anthropic_stream(messages, echo):
    with messages.messages.stream(model="claude-sonnet-5", max_tokens=2, **said("a b c")) as stream:
        assert "".join(stream.text_stream) == "a b"
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 2)
    assert echo.requests()[0]["output_tokens"] == 2


def test_anthropic_calls_tools(messages):
    wanted = {
        "model": "claude-sonnet-5",
        "max_tokens": 50,
        "tools": [ANTHROPIC_TOOL],
        "tool_choice": {"type": "any"},
    }
    with messages.messages.stream(**wanted, **said(CALL)) as stream:
        streamed = stream.get_final_message()
    whole = messages.messages.create(**wanted, **said(CALL))
    for answer in (streamed, whole):
        assert answer.stop_reason == "tool_use"
        assert (answer.content[0].name, answer.content[0].input) == ("weather", {"city": "Bern"})


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, anthropic.RateLimitError), (529, anthropic.APIStatusError)],
)
def test_anthropic_errors(messages, status, error):
    with pytest.raises(error) as caught:
        messages.messages.create(
            model="claude-sonnet-5", max_tokens=5, **said(f"[[echo status={status}]]")
        )
    assert caught.value.status_code == status
    assert caught.value.request_id == caught.value.body["request_id"]


def test_anthropic_fails_within_a_stream(messages):
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
        messages.messages.stream(
            model="claude-sonnet-5", max_tokens=50, **said("a b c [[echo error_after=4]]")
        ) as stream,
    ):
        stream.get_final_message()


def test_anthropic_counts_and_models(messages):
    count = messages.messages.count_tokens(model="claude-sonnet-5", **said("a b c"))
    assert count.input_tokens == 3
    found = [model.id for model in messages.models.list(limit=3)]
    assert "claude-sonnet-4-5-20250929" in found
    assert len(found) > 3
    assert messages.models.retrieve("claude-opus-4-5").id == "claude-opus-4-5-20251101"
