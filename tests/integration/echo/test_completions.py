"""/v1/completions as OpenAI's SDK sees it."""

import openai
import pytest

INSTRUCT = "gpt-3.5-turbo-instruct"


def test_whole(sdk, echo):
    answer = sdk.completions.create(model=INSTRUCT, prompt="hello my world")
    assert [choice.text for choice in answer.choices] == ["hello my world"]
    assert (answer.object, answer.choices[0].finish_reason) == ("text_completion", "stop")
    assert answer.model == "gpt-3.5-turbo-instruct:20230824-v2"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)
    (record,) = echo.requests()
    assert (record["endpoint"], record["model"]) == ("/v1/completions", INSTRUCT)
    assert (record["input_tokens"], record["output_tokens"]) == (3, 3)


def test_several_prompts_and_choices(sdk):
    answer = sdk.completions.create(
        model=INSTRUCT, prompt=["a b", "c d e [[echo cached=2]]"], n=2, stop="e", max_tokens=2
    )
    texts = [(choice.index, choice.text) for choice in answer.choices]
    assert texts == [(0, "a b"), (1, "a b"), (2, "c d "), (3, "c d ")]
    usage = answer.usage
    assert (usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == (8, 2)


def test_a_prompt_of_tokens(sdk):
    answer = sdk.completions.create(model=INSTRUCT, prompt=[[1, 22], [333]])
    assert [choice.text for choice in answer.choices] == ["1 22", "333"]
    assert answer.usage.prompt_tokens == 3


def test_the_default_limit(sdk):
    prompt = "a " * 20
    answer = sdk.completions.create(model=INSTRUCT, prompt=prompt)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 16)
    answer = sdk.completions.create(model=INSTRUCT, prompt="x [[echo words=30]]")
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("stop", 30)


@pytest.mark.parametrize("count", [1, 2])
def test_stream(sdk, echo, count):
    stream = sdk.completions.create(
        model=INSTRUCT, prompt="a b c", n=count, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    for index in range(count):
        mine = [c.choices[0] for c in chunks if c.choices and c.choices[0].index == index]
        assert "".join(choice.text for choice in mine) == "a b c"
        assert [choice.finish_reason for choice in mine[-2:]] == [None, "stop"]
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 3 * count)
    assert echo.requests()[0]["output_tokens"] == 3 * count


def test_faults(sdk, echo):
    stream = sdk.completions.create(
        model=INSTRUCT, prompt="a b c [[echo error_after=2]]", stream=True
    )
    with pytest.raises(openai.APIError, match="had an error"):
        list(stream)
    assert echo.requests()[0]["output_tokens"] == 2
    with pytest.raises(openai.RateLimitError):
        sdk.completions.create(model=INSTRUCT, prompt="[[echo status=429]]")


def test_models_of_other_kinds_are_refused(sdk):
    with pytest.raises(openai.NotFoundError, match="This is a chat model"):
        sdk.completions.create(model="gpt-4o", prompt="a")
    with pytest.raises(openai.NotFoundError, match="This is not a chat model"):
        sdk.chat.completions.create(model=INSTRUCT, messages=[{"role": "user", "content": "a"}])
