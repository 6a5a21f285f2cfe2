"""What a webhook is sent and may answer."""

import pytest

from common.guardrails import webhooks
from common.guardrails.webhooks import NoVerdict, read_verdict
from common.guardrails.whole_texts import Text


def test_a_reason_of_one_word_is_a_label():
    judged = read_verdict(200, b'{"verdict": "block", "reason": "self-harm", "score": 0.9}')
    assert judged == ("block", "self-harm", "self-harm")
    judged = read_verdict(200, b'{"verdict":"flag","reason":"Not\\nnice, \\u0000really"}')
    assert judged == ("flag", "Not nice, really", "")
    assert len(read_verdict(200, b'{"verdict":"flag","reason":"%b"}' % (b"x" * 999)).reason) == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"verdict": "allow"}'),
        (302, b'{"verdict": "allow"}'),
        (204, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"verdict": "ok"}'),
        (200, b'{"verdict": "allow", "reason": 7}'),
        (200, b"\xff"),
        (200, b"[" * 100_000),
    ],
)
def test_anything_else_is_no_verdict(status, body):
    with pytest.raises(NoVerdict):
        read_verdict(status, body)


def test_what_is_too_large_is_not_sent(monkeypatch):
    monkeypatch.setattr(webhooks, "SENT_BYTES_MAX", 200)
    texts = webhooks.texts_of([Text("messages[0].content", "half \ud800")])
    assert texts == [{"field": "messages[0].content", "text": "half ?"}]
    asked = webhooks.Asked("id", "input", "messages", "m", None, "key", texts)
    assert b"half ?" in webhooks.body_of(asked)
    with pytest.raises(NoVerdict):
        webhooks.body_of(webhooks.Asked("id", "input", "messages", "m" * 200, None, "key", texts))
