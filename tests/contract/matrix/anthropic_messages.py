"""The `anthropic` SDK's messages as a caller."""

from typing import Any

import anthropic
import pytest

from tests.contract.matrix import asked
from tests.contract.matrix.world import World

TOOL: Any = {
    "name": "weather",
    "description": asked.DESCRIPTION,
    "input_schema": asked.PARAMETERS,
}


class AnthropicMessages:
    """Each method is a feature: it raises when the feature does not work."""

    title = "anthropic"
    refusals = (anthropic.BadRequestError,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._sdk = anthropic.Anthropic(base_url=world.url, api_key=world.key, max_retries=0)

    def _create(self, model: str, messages: list[Any] | str, **fields: Any) -> Any:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        fields.setdefault("max_tokens", 5000)
        return self._sdk.messages.create(model=model, messages=messages, **fields)

    def plain(self, model: str) -> None:
        """A system prompt, limits, and the whole answer."""
        answer = self._create(model, asked.TEXT, system=asked.SYSTEM)
        assert [block.text for block in answer.content] == [asked.TEXT]
        assert answer.stop_reason == "end_turn"
        assert answer.usage.output_tokens == 3
        assert answer.usage.input_tokens == 6
        cut = self._create(model, asked.TEXT, max_tokens=2)
        assert cut.stop_reason == "max_tokens"

    def stream(self, model: str) -> None:
        """The same in pieces, and the usage at the end."""
        said: Any = [{"role": "user", "content": asked.TEXT}]
        with self._sdk.messages.stream(model=model, messages=said, max_tokens=500) as stream:
            texts = list(stream.text_stream)
            message = stream.get_final_message()
        assert "".join(texts) == asked.TEXT
        assert len(texts) == 3
        assert message.stop_reason == "end_turn"
        assert message.usage.output_tokens == 3

    def tools(self, model: str) -> None:
        """A call, whole and streamed, and its result; one that is forced."""
        said: Any = [{"role": "user", "content": asked.CALL}]
        answer = self._create(model, said, tools=[TOOL])
        self._answer_calls(model, said, answer)
        self._answer_calls(model, said, self._streamed(model, said))
        named = {"type": "tool", "name": "weather"}
        forced = self._create(model, asked.TEXT, tools=[TOOL], tool_choice=named)
        assert _calls(forced)[0].input

    def parallel_tools(self, model: str) -> None:
        """Two calls in one answer, and both results."""
        said: Any = [{"role": "user", "content": asked.TWO_CALLS}]
        self._answer_calls(model, said, self._create(model, said, tools=[TOOL]), count=2)
        self._answer_calls(model, said, self._streamed(model, said), count=2)

    def _streamed(self, model: str, said: list[Any]) -> Any:
        with self._sdk.messages.stream(
            model=model, messages=said, max_tokens=500, tools=[TOOL]
        ) as stream:
            return stream.get_final_message()

    def _answer_calls(self, model: str, said: list[Any], answer: Any, count: int = 1) -> None:
        calls = _calls(answer)
        assert answer.stop_reason == "tool_use"
        assert [call.input["city"] for call in calls] == ["Bern", "Rome"][:count]
        assert len({call.id for call in calls}) == count
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result}
            for call, result in zip(calls, asked.RESULTS, strict=False)
        ]
        turns = [*said, _turn(answer), {"role": "user", "content": results}]
        again = self._create(model, turns, tools=[TOOL])
        assert asked.RESULTS[count - 1] in again.content[0].text
        assert all(self._world.holds(result) for result in asked.RESULTS[:count])

    def images(self, model: str) -> None:
        """A picture in the message."""
        source = {"type": "base64", "media_type": "image/png", "data": asked.PNG_BASE64}
        content = [{"type": "text", "text": "see"}, {"type": "image", "source": source}]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.content[0].text == "see"
        assert self._world.holds(asked.PNG_BASE64)

    def image_urls(self, model: str) -> None:
        """A picture that the provider is to fetch."""
        image = {"type": "image", "source": {"type": "url", "url": asked.URL}}
        content = [{"type": "text", "text": "see"}, image]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.content[0].text == "see"
        assert self._world.holds(asked.URL)

    def documents(self, model: str) -> None:
        """A PDF in the message."""
        source = {"type": "base64", "media_type": "application/pdf", "data": asked.PDF_BASE64}
        document = {"type": "document", "source": source, "title": "one.pdf"}
        content = [{"type": "text", "text": "see"}, document]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.content[0].text == "see"
        assert self._world.holds(asked.PDF_BASE64)

    def stop_sequences(self, model: str) -> str:
        """An end that the caller has named."""
        answer = self._create(model, asked.STOPPED, stop_sequences=["and"])
        assert _text(answer).strip() == asked.TEXT
        assert answer.stop_reason in {"stop_sequence", "end_turn"}
        return "" if answer.stop_reason == "stop_sequence" else "told as an end"

    def structured_output(self, model: str) -> None:
        """An answer that a schema describes."""
        said: Any = [{"role": "user", "content": asked.ANSWER}]
        answer = self._sdk.messages.parse(
            model=model, messages=said, max_tokens=500, output_format=asked.Weather
        )
        assert answer.parsed_output == asked.Weather(city="Bern", degrees=20)
        assert self._world.holds(asked.DEGREES)

    def thinking(self, model: str) -> str:
        """A budget; the turn is then gone on with, thoughts signed."""
        said: Any = [{"role": "user", "content": asked.THINK}]
        mode: Any = {"type": "enabled", "budget_tokens": 2048}
        answer = self._create(model, said, thinking=mode)
        assert _text(answer) == asked.TEXT
        turns = [*said, _turn(answer), {"role": "user", "content": asked.TEXT}]
        again = self._create(model, turns, thinking=mode)
        assert _text(again) == asked.TEXT
        with self._sdk.messages.stream(
            model=model, messages=said, max_tokens=5000, thinking=mode
        ) as stream:
            streamed = stream.get_final_message()
        assert [one.type for one in streamed.content] == [one.type for one in answer.content]
        turns = [*said, _turn(streamed), {"role": "user", "content": asked.TEXT}]
        assert _text(self._create(model, turns, thinking=mode)) == asked.TEXT
        return "" if asked.THOUGHT in str(answer.content) else "not shown"

    def errors(self, model: str) -> None:
        """A bad request, a limit, and a stream that breaks off."""
        with pytest.raises(anthropic.BadRequestError, match=asked.BAD_SAID):
            self._create(model, asked.BAD)
        with pytest.raises(anthropic.RateLimitError) as limited:
            self._create(model, asked.LIMITED)
        assert int(limited.value.response.headers["retry-after"]) >= 1
        self._world.clear()
        with pytest.raises(anthropic.APIError):
            list(self._create(model, asked.FAILING, stream=True))

    def cancel(self, model: str) -> None:
        """Whoever leaves a stream ends it at the provider."""
        with self._create(model, asked.ENDLESS, stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta":
                    break
        self._world.wait_until_left()


def _calls(answer: Any) -> list[Any]:
    return [block for block in answer.content if block.type == "tool_use"]


def _text(answer: Any) -> str:
    return "".join(block.text for block in answer.content if block.type == "text")


def _turn(answer: Any) -> dict[str, Any]:
    """An answer as a turn of the next request."""
    content = [block.to_dict() for block in answer.content]
    return {"role": "assistant", "content": content}
