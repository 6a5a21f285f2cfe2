"""openai-python against Relay: pictures and sound, whole, in events and as bytes."""

import asyncio
import base64
import io
import wave

import openai
import pytest

PNG = ("cat.png", b"\x89PNG\r\n\x1a\n\r\n--x\r\n", "image/png")
MP3 = ("talk.mp3", b"\xff\xfb\r\n\r\n--" * 4000, "audio/mpeg")
SPEECH = {"model": "gpt-4o-mini-tts", "voice": "alloy"}


def wav(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(int(seconds * 16_000)))
    return ("talk.wav", file.getvalue(), "audio/wav")


def test_pictures(sdk, ledgered):
    raw = sdk.images.with_raw_response.generate(
        model="gpt-image-1", prompt="a red cat", n=2, quality="low"
    )
    answer = raw.parse()
    assert [base64.b64decode(one.b64_json)[:4] for one in answer.data] == [b"\x89PNG"] * 2
    record = ledgered(raw)
    assert (record["endpoint"], record["usage_source"]) == ("images.generations", "reported")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (3, 544)


def test_pictures_by_the_piece(sdk, ledgered):
    raw = sdk.images.with_raw_response.generate(prompt="a red cat")
    assert raw.parse().data[0].url.startswith("https://")
    record = ledgered(raw)
    assert (record["model_requested"], record["usage_source"]) == ("dall-e-2", "estimated")


def test_a_large_picture(sdk):
    answer = sdk.images.generate(model="gpt-image-1", prompt="a [[echo bytes=8000000]]")
    assert len(base64.b64decode(answer.data[0].b64_json)) == 8_000_000


def test_pictures_in_events(sdk):
    events = list(
        sdk.images.generate(
            model="gpt-image-1", prompt="a red cat", stream=True, partial_images=2, quality="low"
        )
    )
    assert [event.type for event in events] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert events[-1].usage.output_tokens == 472


@pytest.mark.parametrize("pictures", [PNG, [PNG, PNG]], ids=["one", "two"])
def test_an_edit(sdk, ledgered, pictures):
    raw = sdk.images.with_raw_response.edit(
        model="gpt-image-1", image=pictures, mask=PNG, prompt="a red cat", quality="low"
    )
    count = len(pictures) if isinstance(pictures, list) else 1
    assert raw.parse().usage.input_tokens == 3 + 85 * count
    record = ledgered(raw)
    assert (record["endpoint"], record["tokens"]["input"]) == ("images.edits", 3 + 85 * count)


def test_an_edit_in_events(sdk):
    events = list(sdk.images.edit(model="gpt-image-1", image=PNG, prompt="a", stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]


def test_speech(sdk, ledgered):
    raw = sdk.audio.speech.with_raw_response.create(**SPEECH, input="one two")
    content = raw.parse().read()
    assert (len(content), content[:3]) == (9600, b"ID3")
    record = ledgered(raw)
    assert (record["endpoint"], record["status"]) == ("audio.speech", "ok")
    wav_file = sdk.audio.speech.create(**SPEECH, input="one two", response_format="wav")
    assert wav_file.content[:4] == b"RIFF"


def test_speech_as_it_arrives(sdk, tmp_path):
    text = "hello [[echo bytes=100000 chunk_delay_ms=5]]"
    with sdk.audio.speech.with_streaming_response.create(**SPEECH, input=text) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        pieces = list(answer.iter_bytes())
    assert len(b"".join(pieces)) == 100_000
    assert len(pieces) > 3
    with sdk.audio.speech.with_streaming_response.create(**SPEECH, input="one two") as answer:
        answer.stream_to_file(tmp_path / "speech.mp3")
    assert (tmp_path / "speech.mp3").stat().st_size == 9600


@pytest.mark.parametrize("fault", ["cut_after=3", "reset_after=3"])
def test_speech_that_breaks_off_raises(sdk, fault):
    text = f"hello [[echo bytes=100000 {fault}]]"
    with pytest.raises(openai.APIConnectionError):
        sdk.audio.speech.create(**SPEECH, input=text)


@pytest.mark.parametrize("file", [MP3, wav(1.5)], ids=["mp3", "wav"])
def test_a_transcription(sdk, ledgered, file):
    raw = sdk.audio.transcriptions.with_raw_response.create(
        model="gpt-4o-transcribe", file=file, prompt="hello my world"
    )
    answer = raw.parse()
    assert answer.text == "hello my world"
    record = ledgered(raw)
    assert record["tokens"]["input"] == answer.usage.input_tokens
    assert record["tokens"]["audio_input"] == answer.usage.input_token_details.audio_tokens
    assert record["tokens"]["output"] == 3


def test_transcriptions_of_other_forms(sdk, ledgered):
    asked = {"model": "whisper-1", "file": MP3, "prompt": "hello"}
    assert sdk.audio.transcriptions.create(**asked, response_format="text") == "hello\n"
    assert "-->" in sdk.audio.transcriptions.create(**asked, response_format="srt")
    verbose = sdk.audio.transcriptions.create(
        **asked, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert [word.word for word in verbose.words] == ["hello"]
    raw = sdk.audio.transcriptions.with_raw_response.create(**asked, response_format="vtt")
    assert raw.text.startswith("WEBVTT")
    assert ledgered(raw)["usage_source"] == "estimated"


def test_a_transcription_in_events(sdk):
    events = list(
        sdk.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=MP3, prompt="hello my world", stream=True
        )
    )
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == events[-1].text == "hello my world"
    assert events[-1].usage.output_tokens == 3


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation(sdk, ledgered):
    raw = sdk.audio.translations.with_raw_response.create(
        model="whisper-1", file=MP3, prompt="hello"
    )
    assert raw.parse().text == "hello"
    assert ledgered(raw)["endpoint"] == "audio.translations"


async def test_async(async_sdk):
    speech, heard, edit = await asyncio.gather(
        async_sdk.audio.speech.create(**SPEECH, input="one two"),
        async_sdk.audio.transcriptions.create(model="whisper-1", file=MP3, prompt="hello"),
        async_sdk.images.edit(model="gpt-image-1", image=PNG, prompt="a", quality="low"),
    )
    assert len(speech.content) == 9600
    assert heard.text == "hello"
    assert edit.usage.output_tokens == 272
    async with async_sdk.audio.speech.with_streaming_response.create(
        **SPEECH, input="one two"
    ) as answer:
        assert len(b"".join([piece async for piece in answer.iter_bytes()])) == 9600


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_variations(sdk, ledgered):
    raw = sdk.images.with_raw_response.create_variation(
        image=PNG, n=2, size="512x512", response_format="b64_json"
    )
    pictures = [base64.b64decode(one.b64_json)[:4] for one in raw.parse().data]
    assert pictures == [b"\x89PNG"] * 2
    record = ledgered(raw)
    assert (record["endpoint"], record["status"]) == ("images.variations", "ok")
    assert record["model_requested"] == "dall-e-2"
    with pytest.raises(openai.BadRequestError, match="'dall-e-2'") as error:
        sdk.images.create_variation(image=PNG, model="dall-e-3")
    assert len(error.value.request_id) == 26


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_recording(sdk, ledgered, stream):
    """Longer than what is read whole: it is passed on while it arrives."""
    talk = wav(300)
    assert len(talk[1]) > 4_000_000
    asked = sdk.audio.transcriptions.with_raw_response if not stream else sdk.audio.transcriptions
    answer = asked.create(model="gpt-4o-transcribe", file=talk, prompt="a b", stream=stream)
    if stream:
        assert list(answer)[-1].type == "transcript.text.done"
    else:
        assert answer.parse().text
        assert ledgered(answer)["usage_source"] == "reported"


async def test_many_long_recordings_at_once(async_sdk):
    answers = await asyncio.gather(
        *[async_sdk.audio.transcriptions.create(model="whisper-1", file=wav(300)) for _ in range(8)]
    )
    assert len({answer.text for answer in answers}) == 1
