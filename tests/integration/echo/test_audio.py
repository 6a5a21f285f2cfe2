"""/v1/audio/* as OpenAI's SDK sees it."""

import base64
import io
import json
import wave

import httpx
import openai
import pytest

SPEECH = "/v1/audio/speech"
TOKENS = "gpt-4o-transcribe"
MP3 = ("talk.mp3", b"\xff\xfb" * 16_000, "audio/mpeg")


def wav(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(int(seconds * 16_000)))
    return ("talk.wav", file.getvalue(), "audio/wav")


def test_speech(sdk, echo):
    wanted = {"model": "gpt-4o-mini-tts", "voice": "alloy"}
    text = "hello my world [[echo bytes=100000]]"
    with sdk.audio.speech.with_streaming_response.create(**wanted, input=text) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.headers["transfer-encoding"] == "chunked"
        data = b"".join(answer.iter_bytes())
    assert (len(data), data[:3]) == (100_000, b"ID3")
    short = sdk.audio.speech.create(**wanted, input="one two", response_format="wav")
    assert (len(short.content), short.content[:4]) == (9600, b"RIFF")
    first, second = echo.requests()
    assert (first["output_tokens"], first["chunks_sent"], first["stream"]) == (125, 7, False)
    assert (second["input_tokens"], second["output_tokens"], second["characters"]) == (2, 12, 7)
    assert second["completed"]


def test_speech_by_the_character(sdk, echo):
    sdk.audio.speech.create(model="tts-1", voice="alloy", input="hello my world")
    (record,) = echo.requests()
    assert (record["input_tokens"], record["output_tokens"], record["characters"]) == (0, 0, 14)


def test_speech_in_events(client, echo):
    body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "a b", "stream_format": "sse"}
    answer = client.post(SPEECH, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(one.removeprefix("data: ")) for one in answer.text.split("\n\n")[:-1]]
    assert len(base64.b64decode(events[0]["audio"])) == 9600
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 2, "output_tokens": 12, "total_tokens": 14},
    }
    assert echo.requests()[0]["output_tokens"] == 12
    assert client.post(SPEECH, json=body | {"model": "tts-1"}).status_code == 400


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("chunks=9 cut_after=2", httpx.RemoteProtocolError),
        ("chunks=9 reset_after=2", httpx.ReadError),
        ("chunks=9 stall_after=2", httpx.ReadTimeout),
        ("reset", httpx.ReadError),
    ],
)
def test_faults_of_speech(client, echo, fault, error):
    body = {"model": "tts-1", "voice": "alloy", "input": f"a [[echo bytes=9000 {fault}]]"}
    client.timeout = 0.3
    data, caught = b"", None
    try:
        with client.stream("POST", SPEECH, json=body) as answer:
            for piece in answer.iter_raw():
                data += piece
    except httpx.TransportError as failure:
        caught = failure
    assert isinstance(caught, error)
    assert len(data) == (0 if fault == "reset" else 2000)
    assert not echo.requests()[0]["completed"]


@pytest.mark.parametrize("fault", ["error_after=1", "garbage_after=1", "half_json", "words=2"])
def test_faults_that_speech_cannot_have(client, fault):
    body = {"model": "tts-1", "voice": "alloy", "input": f"a [[echo {fault}]]"}
    assert client.post(SPEECH, json=body).status_code == 400
    body["input"] = "a [[echo garbage=binary]]"
    assert client.post(SPEECH, json=body).headers["content-type"] == "application/octet-stream"


def test_transcription_by_token(sdk, echo):
    answer = sdk.audio.transcriptions.create(model=TOKENS, file=wav(2.5), prompt="hello my world")
    assert answer.text == "hello my world"
    usage = answer.usage
    assert (usage.type, usage.input_tokens, usage.output_tokens) == ("tokens", 28, 3)
    assert usage.input_token_details.audio_tokens == 25
    (record,) = echo.requests()
    assert (record["model"], record["input_tokens"], record["output_tokens"]) == (TOKENS, 28, 3)
    form = echo.last()["form"]
    assert form["file"] == {"name": "talk.wav", "content_type": "audio/wav", "bytes": 40_044}
    assert form["prompt"] == "hello my world"


def test_transcription_by_the_second(sdk, echo):
    create = sdk.audio.transcriptions.create
    answer = create(model="whisper-1", file=MP3, prompt="hello")
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 2)
    assert [one["seconds"] for one in echo.requests()] == [2]
    assert create(model="whisper-1", file=MP3, response_format="text") == "32000 bytes\n"
    srt = create(model="whisper-1", file=MP3, prompt="a", response_format="srt")
    assert srt == "1\n00:00:00,000 --> 00:00:02,000\na\n\n"
    vtt = create(model="whisper-1", file=MP3, prompt="a", response_format="vtt")
    assert vtt == "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\na\n\n"
    verbose = create(
        model="whisper-1",
        file=wav(1.5),
        prompt="a b",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert (verbose.duration, verbose.usage.seconds, verbose.segments[0].end) == (1.5, 2, 1.5)
    assert [word.word for word in verbose.words] == ["a", "b"]
    with pytest.raises(openai.BadRequestError, match="not compatible"):
        create(model=TOKENS, file=MP3, response_format="srt")


def test_transcription_in_events(sdk, echo):
    create = sdk.audio.transcriptions.create
    events = list(create(model=TOKENS, file=wav(1), prompt="a b", stream=True))
    assert [one.type for one in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(one.delta for one in events[:2]) == events[2].text == "a b"
    assert (events[2].usage.input_tokens, events[2].usage.output_tokens) == (12, 2)
    record = echo.requests()[0]
    assert (record["stream"], record["output_tokens"], record["chunks_sent"]) == (True, 2, 3)
    broken = create(model=TOKENS, file=wav(1), prompt="a b [[echo cut_after=1]]", stream=True)
    with pytest.raises(openai.APIConnectionError):
        list(broken)
    failed = create(model=TOKENS, file=wav(1), prompt="a b [[echo error_after=1]]", stream=True)
    with pytest.raises(openai.APIError, match="had an error"):
        list(failed)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_translation(sdk, echo):
    answer = sdk.audio.translations.create(model="whisper-1", file=MP3, prompt="good day")
    assert answer.text == "good day"
    assert echo.requests()[0]["seconds"] == 2
    with pytest.raises(openai.BadRequestError, match="cannot be used"):
        sdk.audio.translations.create(model=TOKENS, file=MP3)
    with pytest.raises(openai.RateLimitError):
        sdk.audio.translations.create(
            model="whisper-1", file=MP3, extra_headers={"x-echo-fault": "status=429"}
        )
