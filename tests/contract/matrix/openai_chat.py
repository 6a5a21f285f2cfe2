"""The `openai` SDK's chat completions as a caller."""

import json
from typing import Any

import openai
import pytest

from tests.contract.matrix import asked
from tests.contract.matrix.world import World

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": asked.DESCRIPTION,
        "parameters": asked.PARAMETERS,
    },
}


class OpenAIChat:
    """Each method is a feature: it raises when the feature does not work."""

    title = "openai, chat"
    refusals = (openai.BadRequestError,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._sdk = openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0)

    def _create(self, model: str, messages: list[Any] | str, **fields: Any) -> Any:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return self._sdk.chat.completions.create(model=model, messages=messages, **fields)

    def plain(self, model: str) -> None:
        """A system message, limits, and the whole answer."""
        messages = [
            {"role": "system", "content": asked.SYSTEM},
            {"role": "user", "content": asked.TEXT},
        ]
        answer = self._create(model, messages, max_completion_tokens=500)
        assert answer.choices[0].message.content == asked.TEXT
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.completion_tokens == 3
        assert answer.usage.prompt_tokens == 6
        cut = self._create(model, asked.TEXT, max_completion_tokens=2)
        assert cut.choices[0].finish_reason == "length"
        assert self._world.holds("hello")

    def stream(self, model: str) -> None:
        """The same in pieces, and the usage at the end."""
        options = {"include_usage": True}
        stream = self._create(model, asked.TEXT, stream=True, stream_options=options)
        chunks = list(stream)
        texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        assert "".join(texts) == asked.TEXT
        assert len([text for text in texts if text]) == 3
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage.completion_tokens == 3

    def tools(self, model: str) -> None:
        """A call, whole and streamed, and its result; one that is forced."""
        said = [{"role": "user", "content": asked.CALL}]
        message = self._create(model, said, tools=[TOOL]).choices[0].message
        self._answer_calls(model, said, message)
        with self._sdk.chat.completions.stream(model=model, messages=said, tools=[TOOL]) as stream:
            choice = stream.get_final_completion().choices[0]
        assert choice.finish_reason == "tool_calls"
        self._answer_calls(model, said, choice.message)
        named = {"type": "function", "function": {"name": "weather"}}
        forced = self._create(model, asked.TEXT, tools=[TOOL], tool_choice=named)
        assert json.loads(forced.choices[0].message.tool_calls[0].function.arguments)

    def parallel_tools(self, model: str) -> None:
        """Two calls in one answer, and both results."""
        said = [{"role": "user", "content": asked.TWO_CALLS}]
        message = self._create(model, said, tools=[TOOL]).choices[0].message
        self._answer_calls(model, said, message, count=2)
        with self._sdk.chat.completions.stream(model=model, messages=said, tools=[TOOL]) as stream:
            message = stream.get_final_completion().choices[0].message
        self._answer_calls(model, said, message, count=2)

    def _answer_calls(self, model: str, said: list[Any], message: Any, count: int = 1) -> None:
        calls = message.tool_calls
        cities = [json.loads(call.function.arguments)["city"] for call in calls]
        assert cities == ["Bern", "Rome"][:count]
        assert len({call.id for call in calls}) == count
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": result}
            for call, result in zip(calls, asked.RESULTS, strict=False)
        ]
        turns = [*said, _turn(message), *results]
        answer = self._create(model, turns, tools=[TOOL])
        assert asked.RESULTS[count - 1] in answer.choices[0].message.content
        assert all(self._world.holds(result) for result in asked.RESULTS[:count])

    def images(self, model: str) -> None:
        """A picture in the message."""
        url = {"url": f"data:image/png;base64,{asked.PNG_BASE64}"}
        content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": url}]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.choices[0].message.content == "see"
        assert self._world.holds(asked.PNG_BASE64)

    def image_urls(self, model: str) -> None:
        """A picture that the provider is to fetch."""
        image = {"type": "image_url", "image_url": {"url": asked.URL}}
        content = [{"type": "text", "text": "see"}, image]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.choices[0].message.content == "see"
        assert self._world.holds(asked.URL)

    def documents(self, model: str) -> None:
        """A PDF in the message."""
        file = {
            "filename": "one.pdf",
            "file_data": f"data:application/pdf;base64,{asked.PDF_BASE64}",
        }
        content = [{"type": "text", "text": "see"}, {"type": "file", "file": file}]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.choices[0].message.content == "see"
        assert self._world.holds(asked.PDF_BASE64)

    def stop_sequences(self, model: str) -> None:
        """An end that the caller has named."""
        answer = self._create(model, asked.STOPPED, stop=["and"])
        assert answer.choices[0].message.content.strip() == asked.TEXT
        assert answer.choices[0].finish_reason == "stop"

    def structured_output(self, model: str) -> None:
        """An answer that a schema describes."""
        said: Any = [{"role": "user", "content": asked.ANSWER}]
        answer = self._sdk.chat.completions.parse(
            model=model, messages=said, response_format=asked.Weather
        )
        assert answer.choices[0].message.parsed == asked.Weather(city="Bern", degrees=20)
        assert self._world.holds(asked.DEGREES)

    def thinking(self, model: str) -> str:
        """An effort; the turn is then gone on with."""
        said = [{"role": "user", "content": asked.THINK}]
        answer = self._create(model, said, reasoning_effort="low", max_completion_tokens=9000)
        message = answer.choices[0].message
        assert message.content == asked.TEXT
        turns = [*said, _turn(message), {"role": "user", "content": asked.TEXT}]
        again = self._create(model, turns, reasoning_effort="low", max_completion_tokens=9000)
        assert again.choices[0].message.content == asked.TEXT
        return "" if asked.THOUGHT in str(message.to_dict()) else "not shown"

    def errors(self, model: str) -> None:
        """A bad request, a limit, and a stream that breaks off."""
        with pytest.raises(openai.BadRequestError, match=asked.BAD_SAID):
            self._create(model, asked.BAD)
        with pytest.raises(openai.RateLimitError) as limited:
            self._create(model, asked.LIMITED)
        assert int(limited.value.response.headers["retry-after"]) >= 1
        self._world.clear()
        with pytest.raises(openai.APIError):
            list(self._create(model, asked.FAILING, stream=True))

    def cancel(self, model: str) -> None:
        """Whoever leaves a stream ends it at the provider."""
        with self._create(model, asked.ENDLESS, stream=True) as stream:
            next(iter(stream))
        self._world.wait_until_left()


def _turn(message: Any) -> dict[str, Any]:
    """An answer as a turn of the next request: what the parameters have, and signatures."""
    kept = ("role", "content", "reasoning_content", "extra_content")
    turn = {name: value for name, value in message.to_dict().items() if name in kept}
    calls = [call.to_dict() for call in message.tool_calls or ()]
    if calls:
        # The SDK's streams add an index and the arguments as it has read them.
        turn["tool_calls"] = [
            {name: one for name, one in call.items() if name != "index"}
            | {"function": {name: call["function"][name] for name in ("name", "arguments")}}
            for call in calls
        ]
    return turn
