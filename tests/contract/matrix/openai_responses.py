"""The `openai` SDK's responses as a caller."""

import json
from typing import Any

import openai
import pytest

from tests.contract.matrix import asked
from tests.contract.matrix.world import World

TOOL: Any = {
    "type": "function",
    "name": "weather",
    "description": asked.DESCRIPTION,
    "parameters": asked.PARAMETERS,
    "strict": False,
}


class OpenAIResponses:
    """Each method is a feature: it raises when the feature does not work."""

    title = "openai, responses"
    refusals = (openai.BadRequestError,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._sdk = openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0)

    def _create(self, model: str, given: Any, **fields: Any) -> Any:
        return self._sdk.responses.create(model=model, input=given, store=False, **fields)

    def plain(self, model: str) -> None:
        """Instructions, limits, and the whole answer."""
        answer = self._create(model, asked.TEXT, instructions=asked.SYSTEM, max_output_tokens=500)
        assert answer.output_text == asked.TEXT
        assert answer.status == "completed"
        assert answer.usage.output_tokens == 3
        assert answer.usage.input_tokens == 6
        long = asked.TEXT * 10
        cut = self._create(model, long, max_output_tokens=16)
        assert cut.incomplete_details.reason == "max_output_tokens"

    def stream(self, model: str) -> None:
        """The same in pieces, and the response at the end."""
        events = list(self._create(model, asked.TEXT, stream=True))
        deltas = [one.delta for one in events if one.type == "response.output_text.delta"]
        assert "".join(deltas) == asked.TEXT
        assert len(deltas) == 3
        assert events[0].type == "response.created"
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == asked.TEXT
        assert events[-1].response.usage.output_tokens == 3
        assert [one.sequence_number for one in events] == list(range(len(events)))

    def tools(self, model: str) -> None:
        """A call, whole and streamed, and its result; one that is forced."""
        said = [{"role": "user", "content": asked.CALL}]
        self._answer_calls(model, said, self._create(model, said, tools=[TOOL]).output)
        with self._sdk.responses.stream(
            model=model, input=said, tools=[TOOL], store=False
        ) as stream:
            output = stream.get_final_response().output
        self._answer_calls(model, said, output)
        named = {"type": "function", "name": "weather"}
        forced = self._create(model, asked.TEXT, tools=[TOOL], tool_choice=named)
        assert json.loads(_calls(forced.output)[0].arguments)

    def parallel_tools(self, model: str) -> None:
        """Two calls in one answer, and both results."""
        said = [{"role": "user", "content": asked.TWO_CALLS}]
        output = self._create(model, said, tools=[TOOL]).output
        self._answer_calls(model, said, output, count=2)
        with self._sdk.responses.stream(
            model=model, input=said, tools=[TOOL], store=False
        ) as stream:
            output = stream.get_final_response().output
        self._answer_calls(model, said, output, count=2)

    def _answer_calls(self, model: str, said: list[Any], output: Any, count: int = 1) -> None:
        calls = _calls(output)
        cities = [json.loads(call.arguments)["city"] for call in calls]
        assert cities == ["Bern", "Rome"][:count]
        assert len({call.call_id for call in calls}) == count
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": result}
            for call, result in zip(calls, asked.RESULTS, strict=False)
        ]
        turns = [*said, *(_again(item) for item in output), *results]
        answer = self._create(model, turns, tools=[TOOL])
        assert asked.RESULTS[count - 1] in answer.output_text
        assert all(self._world.holds(result) for result in asked.RESULTS[:count])

    def images(self, model: str) -> None:
        """A picture in the input."""
        url = f"data:image/png;base64,{asked.PNG_BASE64}"
        content = [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": url, "detail": "auto"},
        ]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.output_text == "see"
        assert self._world.holds(asked.PNG_BASE64)

    def image_urls(self, model: str) -> None:
        """A picture that the provider is to fetch."""
        image = {"type": "input_image", "image_url": asked.URL, "detail": "auto"}
        content = [{"type": "input_text", "text": "see"}, image]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.output_text == "see"
        assert self._world.holds(asked.URL)

    def documents(self, model: str) -> None:
        """A PDF in the input."""
        file = {
            "type": "input_file",
            "filename": "one.pdf",
            "file_data": f"data:application/pdf;base64,{asked.PDF_BASE64}",
        }
        content = [{"type": "input_text", "text": "see"}, file]
        answer = self._create(model, [{"role": "user", "content": content}])
        assert answer.output_text == "see"
        assert self._world.holds(asked.PDF_BASE64)

    def stop_sequences(self, model: str) -> str:
        """This API has none."""
        return asked.NOTHING

    def structured_output(self, model: str) -> None:
        """An answer that a schema describes."""
        answer = self._sdk.responses.parse(
            model=model, input=asked.ANSWER, text_format=asked.Weather, store=False
        )
        assert answer.output_parsed == asked.Weather(city="Bern", degrees=20)
        assert self._world.holds(asked.DEGREES)

    def thinking(self, model: str) -> str:
        """An effort and a summary; the turn is then gone on with, thoughts sealed."""
        said = [{"role": "user", "content": asked.THINK}]
        fields: Any = {
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "max_output_tokens": 9000,
        }
        answer = self._create(model, said, **fields)
        assert answer.output_text == asked.TEXT
        items = [_again(item) for item in answer.output]
        turns = [*said, *items, {"role": "user", "content": asked.TEXT}]
        again = self._create(model, turns, **fields)
        assert again.output_text == asked.TEXT
        with self._sdk.responses.stream(model=model, input=said, store=False, **fields) as stream:
            streamed = stream.get_final_response().output
        kinds = [item.type for item in answer.output]
        assert [item.type for item in streamed] == kinds
        return "" if asked.THOUGHT in str(items) else "not shown"

    def errors(self, model: str) -> None:
        """A bad request, a limit, and a stream that breaks off."""
        with pytest.raises(openai.BadRequestError, match=asked.BAD_SAID):
            self._create(model, asked.BAD)
        with pytest.raises(openai.RateLimitError) as limited:
            self._create(model, asked.LIMITED)
        assert int(limited.value.response.headers["retry-after"]) >= 1
        self._world.clear()
        assert self._broken_off(model)

    def _broken_off(self, model: str) -> bool:
        """Whether a stream that fails is told as one: by an exception, or by its last event."""
        last = ""
        try:
            for event in self._create(model, asked.FAILING, stream=True):
                last = event.type
        except openai.APIError:
            return True
        return last in {"error", "response.failed"}

    def cancel(self, model: str) -> None:
        """Whoever leaves a stream ends it at the provider."""
        with self._create(model, asked.ENDLESS, stream=True) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    break
        self._world.wait_until_left()


def _calls(output: Any) -> list[Any]:
    return [item for item in output if item.type == "function_call"]


def _again(item: Any) -> Any:
    """An item of the output as the next input."""
    return item.to_dict(exclude_none=True) if hasattr(item, "to_dict") else item
