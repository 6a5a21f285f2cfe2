"""anthropic-sdk-python against Relay."""

import anthropic
import pytest

TEXT = "Relay passes every word on"
TOOLS = [
    {
        "name": "weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


@pytest.fixture(scope="module")
def client(stack, key):
    return anthropic.Anthropic(base_url=stack.url, api_key=key, max_retries=0)


def asking(text=TEXT):
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    }


def test_message(client):
    answer = client.messages.create(**asking())
    assert answer.content[0].text == TEXT
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 5)


def test_stream(client):
    with client.messages.stream(**asking()) as stream:
        texts = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(texts) == TEXT
    assert len(texts) > 3
    assert (final.usage.input_tokens, final.usage.output_tokens) == (5, 5)


def test_raw_stream_ends_with_message_stop(client):
    events = [event.type for event in client.messages.create(**asking(), stream=True)]
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"


def test_a_bearer_token_does_as_well(stack, key):
    client = anthropic.Anthropic(base_url=stack.url, auth_token=key, max_retries=0)
    assert client.messages.create(**asking()).content[0].text == TEXT


def test_tool_use_whole_and_streamed(client):
    asked = asking('call weather {"city": "Oslo"}') | {"tools": TOOLS}
    answer = client.messages.create(**asked)
    assert answer.stop_reason == "tool_use"
    assert answer.content[0].input == {"city": "Oslo"}
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert final.content[0].input == {"city": "Oslo"}


def test_cache_figures_reach_the_ledger(client, stack):
    asked = asking("one two three four five [[echo cached=2 cache_write=1 cache_write_1h=1]]")
    raw = client.messages.with_raw_response.create(**asked)
    assert raw.parse().usage.cache_read_input_tokens == 2
    tokens = stack.wait_for_record(raw.headers["x-request-id"])["tokens"]
    assert (tokens["cache_read"], tokens["cache_write_5m"], tokens["cache_write_1h"]) == (2, 1, 1)


def test_models_and_their_pages(client):
    listed = [model.id for model in client.models.list(limit=3)]
    assert "claude-haiku-4-5" in listed
    assert len(listed) == len(set(listed))
    assert "gpt-4o-mini" in listed  # any dialect reaches any provider
    assert client.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-nowhere")


def test_a_wrong_key(stack):
    client = anthropic.Anthropic(base_url=stack.url, api_key="cr_unknown", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError) as error:
        client.messages.create(**asking())
    assert error.value.body["error"]["type"] == "authentication_error"


def test_a_wrong_field_is_named(client):
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.messages.create(**asking(), extra_body={"max_tokens": "many"})


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("status=400", anthropic.BadRequestError),
        ("status=404", anthropic.NotFoundError),
        ("status=429", anthropic.RateLimitError),
        ("status=500", anthropic.InternalServerError),
        ("status=529", anthropic.InternalServerError),
        ("status=401", anthropic.InternalServerError),
        ("garbage=json", anthropic.InternalServerError),
        ("half_json=exact", anthropic.InternalServerError),
    ],
)
def test_a_providers_failure_raises_the_sdks_exception(client, fault, raised):
    with pytest.raises(raised) as error:
        client.messages.create(**asking(f"hello [[echo {fault}]]"))
    assert error.value.body["error"]["message"]


@pytest.mark.parametrize("fault", ["cut_after=4", "reset_after=4", "error_after=4"])
def test_a_stream_that_breaks_raises(client, fault):
    asked = asking(f"hello [[echo words=20 {fault}]]")
    with pytest.raises(anthropic.APIError):
        list(client.messages.create(**asked, stream=True))
