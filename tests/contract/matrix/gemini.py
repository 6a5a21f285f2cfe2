"""The `google-genai` SDK as a caller."""

from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.contract.matrix import asked
from tests.contract.matrix.world import World

TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            description=asked.DESCRIPTION,
            parameters_json_schema=asked.PARAMETERS,
        )
    ]
)
_FORCED = types.FunctionCallingConfig(
    mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"]
)


class Refused(Exception):
    """A 400, which the SDK tells from other errors by its code alone."""


class Gemini:
    """Each method is a feature: it raises when the feature does not work."""

    title = "google-genai"
    refusals = (Refused,)

    def __init__(self, world: World) -> None:
        self._world = world
        self._sdk = self._client()

    def _client(self) -> genai.Client:
        return genai.Client(
            api_key=self._world.key, http_options=types.HttpOptions(base_url=self._world.url)
        )

    def _create(self, model: str, contents: Any, **config: Any) -> Any:
        try:
            return self._sdk.models.generate_content(
                model=model, contents=contents, config=types.GenerateContentConfig(**config)
            )
        except errors.ClientError as error:
            raise _refused(error) from error

    def _streamed(self, model: str, contents: Any, **config: Any) -> list[Any]:
        try:
            return list(
                self._sdk.models.generate_content_stream(
                    model=model, contents=contents, config=types.GenerateContentConfig(**config)
                )
            )
        except errors.ClientError as error:
            raise _refused(error) from error

    def plain(self, model: str) -> None:
        """A system instruction, limits, and the whole answer."""
        answer = self._create(
            model, asked.TEXT, system_instruction=asked.SYSTEM, max_output_tokens=500
        )
        assert answer.text == asked.TEXT
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP
        assert answer.usage_metadata.candidates_token_count == 3
        assert answer.usage_metadata.prompt_token_count == 6
        cut = self._create(model, asked.TEXT * 10, max_output_tokens=16)
        assert cut.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS

    def stream(self, model: str) -> None:
        """The same in pieces, and the usage at the end."""
        chunks = self._streamed(model, asked.TEXT)
        texts = [text for chunk in chunks for text in _texts(chunk)]
        assert "".join(texts) == asked.TEXT
        assert len(texts) == 3
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        assert chunks[-1].usage_metadata.candidates_token_count == 3

    def tools(self, model: str) -> None:
        """A call, whole and streamed, and its result; one that is forced."""
        answer = self._create(model, asked.CALL, tools=[TOOL])
        self._answer_calls(model, asked.CALL, _parts(answer))
        streamed = self._streamed(model, asked.CALL, tools=[TOOL])
        self._answer_calls(model, asked.CALL, [one for c in streamed for one in _parts(c)])
        config = types.ToolConfig(function_calling_config=_FORCED)
        forced = self._create(model, asked.TEXT, tools=[TOOL], tool_config=config)
        assert forced.function_calls[0].args

    def parallel_tools(self, model: str) -> None:
        """Two calls in one answer, and both results."""
        answer = self._create(model, asked.TWO_CALLS, tools=[TOOL])
        self._answer_calls(model, asked.TWO_CALLS, _parts(answer), count=2)
        streamed = self._streamed(model, asked.TWO_CALLS, tools=[TOOL])
        parts = [one for chunk in streamed for one in _parts(chunk)]
        self._answer_calls(model, asked.TWO_CALLS, parts, count=2)

    def _answer_calls(self, model: str, said: str, parts: list[Any], count: int = 1) -> None:
        calls = [part.function_call for part in parts if part.function_call]
        assert [call.args["city"] for call in calls] == ["Bern", "Rome"][:count]
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": result}
                )
            )
            for call, result in zip(calls, asked.RESULTS, strict=False)
        ]
        turns = [
            types.UserContent(said),
            types.ModelContent([part for part in parts if part.text != ""]),
            types.UserContent(results),
        ]
        answer = self._create(model, turns, tools=[TOOL])
        assert asked.RESULTS[count - 1] in answer.text
        assert all(self._world.holds(result) for result in asked.RESULTS[:count])

    def images(self, model: str) -> None:
        """A picture in the contents."""
        picture = types.Part.from_bytes(data=asked.PNG, mime_type="image/png")
        answer = self._create(model, ["see", picture])
        assert answer.text == "see"
        assert self._world.holds(asked.PNG_BASE64)

    def image_urls(self, model: str) -> None:
        """A picture that the provider is to fetch."""
        picture = types.Part.from_uri(file_uri=asked.URL, mime_type="image/png")
        answer = self._create(model, ["see", picture])
        assert answer.text == "see"
        assert self._world.holds(asked.URL)

    def documents(self, model: str) -> None:
        """A PDF in the contents."""
        document = types.Part.from_bytes(data=asked.PDF, mime_type="application/pdf")
        answer = self._create(model, ["see", document])
        assert answer.text == "see"
        assert self._world.holds(asked.PDF_BASE64)

    def stop_sequences(self, model: str) -> None:
        """An end that the caller has named."""
        answer = self._create(model, asked.STOPPED, stop_sequences=["and"])
        assert answer.text.strip() == asked.TEXT
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP

    def structured_output(self, model: str) -> None:
        """An answer that a schema describes."""
        answer = self._create(
            *(model, asked.ANSWER),
            response_mime_type="application/json",
            response_schema=asked.Weather,
        )
        assert answer.parsed == asked.Weather(city="Bern", degrees=20)
        assert self._world.holds(asked.DEGREES)

    def thinking(self, model: str) -> str:
        """Thoughts are asked for; the turn is then gone on with, parts signed."""
        mode = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
        answer = self._create(model, asked.THINK, thinking_config=mode, max_output_tokens=9000)
        assert answer.text == asked.TEXT
        turns = [
            types.UserContent(asked.THINK),
            types.ModelContent(_parts(answer)),
            types.UserContent(asked.TEXT),
        ]
        again = self._create(model, turns, thinking_config=mode, max_output_tokens=9000)
        assert again.text == asked.TEXT
        config = {"thinking_config": mode, "max_output_tokens": 9000}
        streamed = [one for c in self._streamed(model, asked.THINK, **config) for one in _parts(c)]
        thoughts = "".join(one.text for one in _parts(answer) if one.thought)
        assert "".join(one.text for one in streamed if one.thought) == thoughts
        return "" if thoughts == asked.THOUGHT else "not shown"

    def errors(self, model: str) -> None:
        """A bad request, a limit, and a stream that breaks off."""
        with pytest.raises(Refused, match=asked.BAD_SAID):
            self._create(model, asked.BAD)
        with pytest.raises(errors.ClientError) as limited:
            self._create(model, asked.LIMITED)
        assert limited.value.code == 429
        self._world.clear()
        with pytest.raises(errors.APIError):
            self._streamed(model, asked.FAILING)

    def cancel(self, model: str) -> None:
        """Whoever leaves a stream ends it at the provider."""
        client = self._client()
        stream = client.models.generate_content_stream(model=model, contents=asked.ENDLESS)
        next(stream)
        stream.close()
        client.close()
        self._world.wait_until_left()


def _refused(error: errors.ClientError) -> Exception:
    return Refused(error.message or str(error)) if error.code == 400 else error


def _parts(answer: Any) -> list[Any]:
    content = answer.candidates[0].content if answer.candidates else None
    return list(content.parts or ()) if content is not None else []


def _texts(chunk: Any) -> list[str]:
    return [part.text for part in _parts(chunk) if part.text]
