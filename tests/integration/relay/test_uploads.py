"""Long forms: passed on while they arrive, checked as they pass, and never held in memory."""

import contextlib
import json
import threading
import time

import psutil
import pytest
import redis

from tests.support.asking import PICTURE, asked
from tests.support.form_parties import ANSWER, Caller, Provider
from tests.support.forms import BOUNDARY, form_of, part
from tests.support.relay_process import RelayProcess, eventually, stored_account

MB = 1024 * 1024
MODEL, PROMPT = part("model", b"gpt-4o-transcribe"), part("prompt", b"p" * 40)
DELIMITER = b"--" + BOUNDARY.encode()
UNIT = bytes(range(256)) * 256  # 64 KiB


def recording(size=4 * MB):
    return part("file", UNIT * (size // len(UNIT)), "a.mp3", b"\r\nContent-Type: audio/mpeg")


@pytest.fixture
def provider(relay):
    provider = Provider()
    relay.project_accounts(stored_account(provider.url))
    yield provider
    provider.close()


def record_of(relay, headers):
    return relay.record(headers["x-request-id"])


def check_served(relay):
    """The next caller is served."""
    answer = relay.client.post(**asked("audio.transcriptions").options)
    assert answer.status_code == 200
    assert record_of(relay, answer.headers).status == "ok"


@pytest.mark.parametrize("announced", [True, False])
def test_the_first_bytes_are_there_before_the_last_are_sent(relay, provider, announced):
    form = form_of(MODEL, PROMPT, recording())
    with Caller(relay, len(form.body) if announced else None) as caller:
        caller.send(form.body[: 2 * MB])
        eventually(lambda: provider.bodies and len(provider.bodies[0]) >= 2 * MB - 65536)
        assert provider.ended == [None]
        assert relay.open_leases() == (1, 1)
        caller.send(form.body[2 * MB :])
        caller.end()
        status, headers, body = caller.answer()
    assert (status, body) == (200, ANSWER)
    eventually(lambda: provider.ended == ["whole"])
    assert provider.bodies == [form.body]
    assert provider.header("content-length") == (str(len(form.body)) if announced else None)
    assert provider.header("content-type") == form.content_type
    record = record_of(relay, headers)
    assert (record.status, record.tokens.input, record.tokens.output) == ("ok", 7, 3)
    assert relay.open_leases() == (0, 0)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("order", ["model first", "file first", "prompt and stream last"])
def test_every_byte_but_the_models_name(relay, provider, announced, order):
    relay.project_accounts(stored_account(provider.url, models={"mine": "gpt-4o-transcribe-x"}))
    mine, theirs = part("model", b"mine"), part("model", b"gpt-4o-transcribe-x")
    stream = part("stream", b"false")
    parts = {
        "model first": [part("language", b"de"), mine, PROMPT, recording()],
        "file first": [recording(), PROMPT, mine],
        "prompt and stream last": [mine, recording(), PROMPT, stream, part("x", b"y" * 9000)],
    }[order]
    form = form_of(*parts)
    wanted = form_of(*[theirs if one is mine else one for one in parts])
    with Caller(relay, len(form.body) if announced else None) as caller:
        for start in range(0, len(form.body), 77_777):
            caller.send(form.body[start : start + 77_777])
        caller.end()
        status, headers, _ = caller.answer()
    assert status == 200
    assert provider.bodies == [wanted.body]
    if announced:
        assert provider.header("content-length") == str(len(wanted.body))
    record = record_of(relay, headers)
    assert (record.model_requested, record.model_served) == ("mine", "gpt-4o-transcribe-x")


@pytest.mark.parametrize("announced", [True, False])
def test_memory_stays_flat(relay, provider, announced):
    """30 MiB that the provider takes only by and by: the caller is held up."""
    process = psutil.Process(relay.pid)
    small = form_of(MODEL, recording(2 * MB))
    with Caller(relay, len(small.body)) as caller:
        caller.send(small.body)
        assert caller.answer()[0] == 200
    usual = process.memory_info().rss
    form = form_of(MODEL, recording(30 * MB))
    sent = []

    def send(caller):
        for start in range(0, len(form.body), 65536):
            caller.send(form.body[start : start + 65536])
            sent.append(start)
        caller.end()

    provider.reading.clear()
    with Caller(relay, len(form.body) if announced else None) as caller:
        sending = threading.Thread(target=send, args=(caller,), daemon=True)
        sending.start()
        held = -1
        while held != len(sent):
            held = len(sent)
            time.sleep(0.7)
        assert sending.is_alive()
        assert process.memory_info().rss - usual < 10 * MB
        provider.reading.set()
        grown = []
        while sending.is_alive():
            grown.append(process.memory_info().rss - usual)
            time.sleep(0.01)
        assert caller.answer()[0] == 200
    assert max(grown) < 10 * MB
    assert provider.bodies[-1] == form.body


def after(*parts):
    """A long form that goes on with these parts, well after its file has begun."""
    return form_of(MODEL, recording(), *parts).body


BAD = {
    "a second model": (after(MODEL), 400, "model"),
    "the model in capitals": (after(part("MODEL", b"x")), 400, "MODEL"),
    "a file as prompt": (after(part("prompt", b"x", "a.txt")), 400, "prompt"),
    "no flag": (after(part("stream", b"maybe")), 400, "stream"),
    "a prompt without end": (after(part("prompt", b"x" * 2 * MB)), 400, "prompt"),
    "no utf-8": (after(part("prompt", b"\xff" * 9)), 400, "prompt"),
    "no name": (after(b"X: 1\r\n\r\nv"), 400, None),
    "cut": (after()[:-6], 400, None),
    "cut in the file": (after()[: 3 * MB], 400, None),
    "text after the end": (after() + b"more", 400, None),
    "the boundary in the file": (
        form_of(MODEL, recording() + b"\n" + DELIMITER + b"\r\nx").body, 400, None,
    ),
    "a longer boundary": (after().replace(DELIMITER + b"--", DELIMITER + b"x--"), 400, None),
    "too large": (form_of(MODEL, recording(34 * MB)).body, 413, None),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("announced", [True, False])
def test_a_bad_form_is_broken_off_at_the_provider(relay, provider, bad, announced):
    body, wanted, field = BAD[bad]
    if bad == "too large" and announced:
        return  # refused by its head, and nobody is asked
    with Caller(relay, len(body) if announced else None) as caller:
        with contextlib.suppress(OSError):
            for start in range(0, len(body), 65536):
                caller.send(body[start : start + 65536])
            caller.end()
        status, headers, answer = caller.answer()
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (wanted, field), error
    assert error["type"] == "invalid_request_error"
    assert headers["x-should-retry"] == "false"
    eventually(lambda: provider.ended == ["cut"])
    assert len(provider.bodies[0]) < len(body) + (not announced)  # then its end is missing
    record = record_of(relay, headers)
    assert (record.status, record.finish_cause) == ("error", "bad_request")
    assert record.error_code == ("request_too_large" if wanted == 413 else "invalid_request")
    assert (record.tokens.total, record.attempts) == (0, 1)
    assert relay.open_leases() == (0, 0)
    # It was nobody's fault but the caller's, and the next one is served.
    check_served(relay)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("stalled", [True, False])
def test_a_caller_who_leaves_in_the_middle(relay, provider, announced, stalled):
    form = form_of(MODEL, PROMPT, recording())
    with Caller(relay, len(form.body) if announced else None) as caller:
        caller.send(form.body[: 2 * MB])
        if stalled:
            time.sleep(0.5)
    eventually(lambda: provider.ended == ["cut"])
    record = relay.only_record()
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert (record.tokens.total, record.attempts) == (0, 1)
    assert relay.open_leases() == (0, 0)


def test_a_caller_who_falls_silent_in_the_middle(tmp_path, running_redis, provider):
    options = {"RELAY_IDLE_TIMEOUT_S": "1"}
    with RelayProcess(tmp_path, running_redis, provider.url, **options) as own:
        own.reset()
        with Caller(own, 4 * MB) as caller:
            caller.send(form_of(MODEL, recording()).body[: 2 * MB])
            status, headers, body = caller.answer()
        assert (status, json.loads(body)["error"]["code"]) == (408, "caller_timeout")
        eventually(lambda: provider.ended == ["cut"])
        record = record_of(own, headers)
        assert (record.status, record.finish_cause) == ("error", "caller_silent")
        assert record.tokens.total == 0
        assert own.open_leases() == (0, 0)


def test_a_body_that_does_not_come_in_time(tmp_path, running_redis, provider):
    options = {"RELAY_FIRST_BYTE_TIMEOUT_S": "1"}
    with RelayProcess(tmp_path, running_redis, provider.url, **options) as own:
        own.reset()
        with Caller(own, 1000) as caller:
            caller.send(form_of(MODEL).body)
            status, _, body = caller.answer()
        assert (status, json.loads(body)["error"]["code"]) == (408, "caller_timeout")
        assert own.open_leases() == (0, 0)
        assert own.records() == []
    assert provider.heads == []


def test_the_lease_has_a_draft_of_what_is_known(relay, provider):
    form = form_of(MODEL, PROMPT, recording())
    with Caller(relay, len(form.body)) as caller:
        caller.send(form.body[: 2 * MB])
        eventually(lambda: provider.bodies)
        with redis.Redis.from_url(relay.redis.url) as client:
            (lease,) = client.keys("{relay}:lease:*")
            draft = json.loads(client.hget(lease, "draft"))
    assert (draft["model_requested"], draft["endpoint"]) == (
        "gpt-4o-transcribe", "audio.transcriptions",
    )  # fmt: skip
    assert draft["tokens"]["input"] == len(PROMPT.partition(b"\r\n\r\n")[2]) / 4


def test_a_prompt_that_comes_after_the_file_counts_in_an_estimate(relay, provider):
    provider.answer = b'{"text":"hello my"}'
    form = form_of(MODEL, recording(), PROMPT)
    with Caller(relay, len(form.body)) as caller:
        caller.send(form.body)
        _, headers, _ = caller.answer()
    record = record_of(relay, headers)
    assert (record.usage_source, record.tokens.input, record.tokens.output) == ("estimated", 10, 2)


@pytest.mark.parametrize(("early", "asked_again"), [(0, True), (3 * MB, False)])
def test_another_account_is_asked_with_what_was_kept(relay, provider, early, asked_again):
    other = Provider()
    relay.project_accounts(
        stored_account(provider.url, models={"gpt-4o-transcribe": "gpt-4o-transcribe"}),
        stored_account(other.url, priority=2, models={"gpt-4o-transcribe": "another-name"}),
    )
    provider.answers.put((503, early))
    form = form_of(MODEL, PROMPT, recording())
    with Caller(relay, len(form.body)) as caller:
        begun = early + 128 * 1024
        caller.send(form.body[:begun])
        eventually(lambda: other.heads or provider.ended == ["cut"])
        with contextlib.suppress(OSError):
            caller.send(form.body[begun:])
        status, headers, _ = caller.answer()
    record = record_of(relay, headers)
    if asked_again:
        assert (status, record.attempts, record.model_served) == (200, 2, "another-name")
        wanted = form_of(part("model", b"another-name"), PROMPT, recording())
        assert other.bodies == [wanted.body]
        assert other.header("content-length") == str(len(wanted.body))
    else:
        assert (status, record.attempts, other.heads) == (503, 1, [])
    eventually(lambda: provider.ended == ["cut"])
    assert len(provider.bodies[0]) < len(form.body)
    other.close()


@pytest.mark.parametrize("status", [200, 400])
def test_a_provider_who_answers_before_the_end(relay, provider, status):
    provider.answers.put((status, MB))
    form = form_of(MODEL, recording())
    with Caller(relay, len(form.body)) as caller:
        caller.send(form.body[: 2 * MB])
        answered, headers, _ = caller.answer()
        assert answered == status
        eventually(lambda: provider.ended == ["cut"])
        caller.send(form.body[2 * MB :])  # is taken, and thrown away
    record = record_of(relay, headers)
    assert (record.status, record.tokens.total) == (("ok", 10) if status == 200 else ("error", 0))
    check_served(relay)


def test_images_whose_model_is_not_named_are_read_whole(relay, provider):
    relay.project_accounts(stored_account(provider.url, models={"dall-e-2": "own"}))
    large = part("image", PICTURE + UNIT * 32, "a.png")
    form = form_of(part("prompt", b"p"), large)
    with Caller(relay, len(form.body), "/v1/images/edits") as caller:
        caller.send(form.body[: 2 * MB])
        time.sleep(0.3)
        assert provider.heads == []
        caller.send(form.body[2 * MB :])
        eventually(lambda: provider.ended == ["whole"])
    wanted = form_of(part("model", b"own"), part("prompt", b"p"), large)
    assert provider.bodies == [wanted.body]
