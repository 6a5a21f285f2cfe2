"""Forms and files: what is text in them is found where it stands, and nothing else changes."""

import json

import pytest

from common.dialects.base import BadRequest
from common.redaction.answers_in_json import asks_for_json
from common.redaction.file_places import file_places
from common.redaction.form_places import form_places
from common.redaction.placeholders import Placeholders
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy
from common.redaction.redacting import apply
from common.redaction.restoring import Restorer
from common.redaction.scanning import finish
from tests.support.forms import form_of, part

PLAN = plan(read_policy({"entities": {"EMAIL_ADDRESS": "mask"}}))
SCANNER = scanner(PLAN)


def redacted(content, places):
    """The bytes with what is found replaced, and the paths where something was."""
    placeholders = Placeholders(b"k" * 32, "t")
    found = [(place, SCANNER.scan(place.text)) for place in places]
    found = [(place, findings) for place, findings in found if findings]
    outcome = finish(apply(content, found, PLAN, placeholders))
    restored = Restorer(placeholders.values).text(outcome.body.decode("latin-1"))
    assert restored == content.decode("latin-1")
    assert b"@x.com" not in outcome.body
    return outcome.body, [place.path for place, _ in found]


def line(url, body):
    return json.dumps({"custom_id": "a", "method": "POST", "url": url, "body": body}).encode()


def test_each_line_of_a_batch_is_a_request_to_its_endpoint():
    arguments = json.dumps({"to": "a@x.com", "b@x.com": 1})
    call = {"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}
    content = b"\r\n".join(
        [
            line("/v1/chat/completions", {"messages": [call, {"content": "c@x.com"}]}),
            b"",
            line("/v1/embeddings", {"input": ["é d@x.com"]}),
            line("/v1/new", {"words": "e@x.com"}),
        ]
    )
    body, paths = redacted(content, finish(file_places(content, "file")))
    rows = [json.loads(row) for row in body.split(b"\r\n") if row]
    assert [row["url"] for row in rows] == ["/v1/chat/completions", "/v1/embeddings", "/v1/new"]
    inner = json.loads(rows[0]["body"]["messages"][0]["tool_calls"][0]["function"]["arguments"])
    assert len(inner) == 2
    assert paths[2] == "file, line 1: body.messages[1].content"
    assert paths[3].startswith("file, line 3: body.input")
    assert len(paths) == 5


@pytest.mark.parametrize("content", ["é a@x.com;b@x.com\n", '{"a": "a@x.com"', "[1]\n{} a@x.com"])
def test_other_text_is_one_text(content):
    body, _ = redacted(content.encode(), finish(file_places(content.encode(), "file")))
    assert body != content.encode()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "shift-jis"])
def test_text_in_another_encoding_does_not_pass_unsearched(encoding):
    text = "田中;a@x.com\r\n" if encoding == "shift-jis" else "Müller;a@x.com\r\n"
    with pytest.raises(BadRequest) as refused:
        finish(file_places(text.encode(encoding), "file"))
    assert refused.value.field == "file"


@pytest.mark.parametrize("content", [b"\xff\xfb\x90\x00 a@x.com", b"\x00 a@x.com", b""])
def test_what_is_no_text_has_no_places(content):
    assert [place.text for place in finish(file_places(content, "file"))] in ([], [""])


def test_fields_of_a_form_are_text_but_for_files_and_words_of_the_protocol():
    form = form_of(
        part("model", b"a@x.com-model"),
        part("prompt", "é a@x.com".encode()),
        part("known_speaker_names[]", b"b@x.com"),
        part("timestamp_granularities[]", b"word"),
        part("file", b"raw", "a.wav"),
        part("tomorrow", b"c@x.com"),
    )
    places = form_places(form.body, form.content_type)
    assert [place.path for place in places] == ["prompt", "known_speaker_names[]", "tomorrow"]
    content = form.body.replace(b"a@x.com-model", b"m")
    body, paths = redacted(content, form_places(content, form.content_type))
    assert len(paths) == 3
    assert form_places(body, form.content_type)[0].text.startswith("é EMAIL_ADDRESS_")


def test_a_field_that_is_no_utf_8_does_not_pass_unsearched():
    form = form_of(part("model", b"m"), part("prompt", b"M\xfcller a@x.com"))
    with pytest.raises(BadRequest) as refused:
        form_places(form.body, form.content_type)
    assert refused.value.field == "prompt"


@pytest.mark.parametrize(
    ("endpoint", "body", "asks"),
    [
        ("chat.completions", {"response_format": {"type": "json_schema"}}, True),
        ("chat.completions", {"response_format": {"type": "text"}, "x": "json"}, False),
        ("chat.completions", {"messages": "json"}, False),
        ("responses", {"text": {"format": {"type": "json_object"}}}, True),
        ("responses", {"text": None, "x": "json"}, False),
        ("messages", {"output_config": {"format": {"type": "json_schema"}}}, True),
        ("gemini.stream", {"generationConfig": {"responseMimeType": "application/json"}}, True),
        ("embeddings", {"input": "json"}, False),
    ],
)
def test_whether_an_answer_is_asked_for_in_json(endpoint, body, asks):
    assert asks_for_json(endpoint, json.dumps(body).encode()) is asks
