"""openai-python against Relay: texts, embeddings, moderations, and all errors as exceptions."""

import asyncio

import openai
import pytest

# The SDK has put an end to translations, the API has not.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
TEXT = "Relay passes every word on"
TURNS = [{"role": "user", "content": TEXT}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
INSTRUCT = "gpt-3.5-turbo-instruct"


def test_completion(sdk, ledgered):
    raw = sdk.completions.with_raw_response.create(model=INSTRUCT, prompt=TEXT, max_tokens=3)
    answer = raw.parse()
    assert answer.choices[0].text == "Relay passes every"
    assert answer.choices[0].finish_reason == "length"
    record = ledgered(raw)
    assert (record["endpoint"], record["status"]) == ("completions", "ok")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (5, 3)


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_of_completions(sdk, asked):
    options = {"stream_options": {"include_usage": True}} if asked else {}
    chunks = list(sdk.completions.create(model=INSTRUCT, prompt=TEXT, stream=True, **options))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == TEXT
    assert (chunks[-1].usage is not None) == asked


def test_chat_with_pictures_in_it(sdk, ledgered):
    content = [{"type": "text", "text": "one two"}, PICTURE, PICTURE]
    raw = sdk.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": content}]
    )
    assert raw.parse().choices[0].message.content == "one two"
    assert ledgered(raw)["tokens"]["input"] == 2 + 2 * 85


async def test_async_chat_whole_streamed_and_by_the_sdks_helper(async_sdk):
    whole = await async_sdk.chat.completions.create(model="gpt-4o-mini", messages=TURNS)
    assert whole.choices[0].message.content == TEXT
    text = ""
    async for chunk in await async_sdk.chat.completions.create(
        model="gpt-4o-mini", messages=TURNS, stream=True
    ):
        text += chunk.choices[0].delta.content or ""
    assert text == TEXT
    async with async_sdk.chat.completions.stream(model="gpt-4o-mini", messages=TURNS) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == TEXT


def test_embeddings(sdk, ledgered):
    raw = sdk.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input=["one two", "three"], dimensions=16
    )
    answer = raw.parse()
    assert [len(one.embedding) for one in answer.data] == [16, 16]
    assert answer.usage.prompt_tokens == 3
    record = ledgered(raw)
    assert (record["endpoint"], record["tokens"]["input"]) == ("embeddings", 3)
    assert record["tokens"]["output"] == 0
    numbers = sdk.embeddings.create(
        model="text-embedding-3-small", input="one two", dimensions=16, encoding_format="float"
    )
    assert numbers.data[0].embedding == pytest.approx(answer.data[0].embedding)


async def test_async_embeddings_and_moderations(async_sdk):
    embedding, judged = await asyncio.gather(
        async_sdk.embeddings.create(model="text-embedding-3-large", input=[[1, 2, 3]]),
        async_sdk.moderations.create(input=["violence", "peace"]),
    )
    assert len(embedding.data[0].embedding) == 3072
    assert [one.flagged for one in judged.results] == [True, False]


@pytest.mark.parametrize("model", [None, "omni-moderation-latest"])
def test_moderations_cost_nothing(sdk, ledgered, model):
    named = {} if model is None else {"model": model}
    parts = [{"type": "text", "text": "hate"}, PICTURE]
    raw = sdk.moderations.with_raw_response.create(input=parts, **named)
    assert raw.parse().results[0].categories.hate
    record = ledgered(raw)
    assert (record["endpoint"], record["cost_usd"]) == ("moderations", "0.000000000000")
    assert record["model_requested"] == "omni-moderation-latest"


CALLS = {
    "completions": lambda sdk, **more: sdk.completions.create(model=INSTRUCT, prompt="a", **more),
    "responses": lambda sdk, **more: sdk.responses.create(model="gpt-4o", input="a", **more),
    "embeddings": lambda sdk, **more: sdk.embeddings.create(
        model="text-embedding-3-small", input="a", **more
    ),
    "moderations": lambda sdk, **more: sdk.moderations.create(input="a", **more),
    "images": lambda sdk, **more: sdk.images.generate(model="gpt-image-1", prompt="a", **more),
    "edits": lambda sdk, **more: sdk.images.edit(
        model="gpt-image-1", prompt="a", image=("a.png", b"\x89PNG", "image/png"), **more
    ),
    "speech": lambda sdk, **more: sdk.audio.speech.create(
        model="tts-1", voice="alloy", input="a", **more
    ),
    "transcriptions": lambda sdk, **more: sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", b"\xff\xfb" * 99, "audio/mpeg"), **more
    ),
    "translations": lambda sdk, **more: sdk.audio.translations.create(
        model="whisper-1", file=("a.mp3", b"\xff\xfb" * 99, "audio/mpeg"), **more
    ),
}
FAULTS = {
    "status=400": openai.BadRequestError,
    "status=404": openai.NotFoundError,
    "status=409": openai.ConflictError,
    "status=422": openai.UnprocessableEntityError,
    "status=429": openai.RateLimitError,
    "status=500": openai.InternalServerError,
    "status=503": openai.InternalServerError,
    "status=401": openai.InternalServerError,
    "garbage=html": openai.InternalServerError,
    "reset": openai.InternalServerError,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_providers_failure_raises_the_sdks_exception(sdk, call, fault):
    with pytest.raises(FAULTS[fault]) as error:
        CALLS[call](sdk, extra_headers={"x-echo-fault": fault})
    assert len(error.value.request_id) == 26
    assert error.value.body["message"]


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_of_relays_raises_the_sdks_exception(sdk, call):
    with pytest.raises(openai.BadRequestError) as error:
        CALLS[call](sdk, extra_body={"model": "m" * 257})
    assert error.value.param == "model"
    assert len(error.value.request_id) == 26


@pytest.mark.parametrize("call", ["edits", "speech"])
def test_a_wrong_key(sdk, call):
    with openai.OpenAI(base_url=sdk.base_url, api_key="cr_no", max_retries=5) as other:
        with pytest.raises(openai.AuthenticationError) as error:
            CALLS[call](other)
        assert error.value.code == "invalid_api_key"


@pytest.mark.parametrize("call", CALLS)
def test_a_model_that_does_not_exist(sdk, call):
    with pytest.raises(openai.NotFoundError, match="nowhere"):
        CALLS[call](sdk, extra_body={"model": "nowhere"})


def test_the_key_needs_the_scope_and_the_model(stack, sdk):
    key = stack.create_key(scopes=["embeddings"], models={"allow": ["text-embedding-*"]})
    with openai.OpenAI(base_url=sdk.base_url, api_key=key, max_retries=0) as narrow:
        assert CALLS["embeddings"](narrow).data
        for call in set(CALLS) - {"embeddings"}:
            with pytest.raises(openai.PermissionDeniedError, match="scope"):
                CALLS[call](narrow)
        with pytest.raises(openai.PermissionDeniedError, match="model"):
            narrow.embeddings.create(model="other", input="a")
