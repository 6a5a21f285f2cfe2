"""/v1/images/* as OpenAI's SDK sees it."""

import base64

import openai
import pytest

PROMPT = "a red cat"


def test_generation(sdk, echo):
    answer = sdk.images.generate(model="gpt-image-1", prompt=PROMPT, n=2, quality="low")
    assert [base64.b64decode(one.b64_json)[:4] for one in answer.data] == [b"\x89PNG"] * 2
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 544, 547)
    details = usage.input_tokens_details
    assert (details.text_tokens, details.image_tokens, answer.quality) == (3, 0, "low")
    (record,) = echo.requests()
    assert (record["input_tokens"], record["output_tokens"], record["images"]) == (3, 544, 2)
    text = f"{PROMPT} [[echo bytes=50000 usage=none]]"
    large = sdk.images.generate(model="gpt-image-1", prompt=text, size="1024x1536")
    assert (len(base64.b64decode(large.data[0].b64_json)), large.usage) == (50_000, None)
    assert echo.requests()[1]["output_tokens"] == 1584


def test_generation_by_the_picture(sdk, echo):
    answer = sdk.images.generate(model="dall-e-3", prompt=f"{PROMPT} [[echo delay_ms=1]]")
    assert (answer.usage, answer.data[0].revised_prompt) == (None, PROMPT)
    assert answer.data[0].url.startswith("https://")
    (record,) = echo.requests()
    assert (record["input_tokens"], record["output_tokens"], record["images"]) == (0, 0, 1)
    packed = sdk.images.generate(model="dall-e-3", prompt=PROMPT, response_format="b64_json")
    assert packed.data[0].b64_json
    with pytest.raises(openai.BadRequestError, match="above maximum"):
        sdk.images.generate(model="dall-e-3", prompt=PROMPT, n=2)


def test_generation_in_events(sdk, echo):
    stream = sdk.images.generate(
        model="gpt-image-1", prompt=PROMPT, stream=True, partial_images=2, quality="low"
    )
    events = list(stream)
    assert [one.type for one in events] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert events[-1].usage.output_tokens == 472
    assert echo.requests()[0]["output_tokens"] == 472
    broken = sdk.images.generate(
        model="gpt-image-1", prompt="a [[echo cut_after=1]]", stream=True, partial_images=1
    )
    with pytest.raises(openai.APIConnectionError):
        list(broken)


def test_edit(sdk, echo):
    file = ("cat.png", b"\x89PNG...\r\n--x", "image/png")
    answer = sdk.images.edit(model="gpt-image-1", image=[file, file], mask=file, prompt=PROMPT, n=1)
    assert answer.usage.input_tokens_details.image_tokens == 170
    assert answer.usage.input_tokens == 173
    assert [one["bytes"] for one in echo.last()["form"]["image"]] == [len(file[1])] * 2
    stream = sdk.images.edit(model="gpt-image-1", image=file, prompt=PROMPT, stream=True)
    assert [one.type for one in stream] == ["image_edit.completed"]
    assert [one["endpoint"] for one in echo.requests()] == ["/v1/images/edits"] * 2
    with pytest.raises(openai.InternalServerError):
        sdk.images.edit(model="gpt-image-1", image=file, prompt="a [[echo status=500]]")
    with pytest.raises(openai.BadRequestError, match="cannot edit"):
        sdk.images.edit(model="dall-e-3", image=file, prompt=PROMPT)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_variation(sdk, echo):
    file = ("cat.png", b"\x89PNG...\r\n--x", "image/png")
    answer = sdk.images.create_variation(image=file, n=2, size="256x256")
    assert [one.url.startswith("https://") for one in answer.data] == [True] * 2
    packed = sdk.images.create_variation(
        image=file, response_format="b64_json", extra_headers={"x-echo-fault": "bytes=5000"}
    )
    assert len(base64.b64decode(packed.data[0].b64_json)) == 5000
    records = echo.requests()
    assert [one["endpoint"] for one in records] == ["/v1/images/variations"] * 2
    assert [one["images"] for one in records] == [2, 1]
    for wrong in ({"size": "1x1"}, {"n": 11}, {"model": "gpt-image-1"}):
        with pytest.raises(openai.BadRequestError):
            sdk.images.create_variation(image=file, **wrong)
