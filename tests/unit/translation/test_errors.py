"""What providers' errors say."""

import json

import pytest

from common.translation.errors import MESSAGE_CHARACTERS_MAX, message_of


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "no", "type": "invalid_request_error"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
        {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}},
        [{"error": {"code": 400, "message": "no"}}],
        {"message": "no"},
        {"Message": "no"},
        {"error": "no"},
        {"detail": "no"},
        {"object": "error", "message": "no", "code": 400},
    ],
)
def test_the_words_are_found_wherever_a_provider_has_them(error):
    assert message_of(json.dumps(error).encode()) == "no"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b"{}", b'{"error":null}', b'{"error":{"message":""}}',
     b'{"detail":[{"msg":"no"}]}', b'"no"', b"\xff"],
)  # fmt: skip
def test_what_is_no_error_has_none(body):
    assert message_of(body) is None


def test_a_long_one_is_cut():
    body = json.dumps({"error": {"message": "n" * 10_000}}).encode()
    assert message_of(body) == "n" * MESSAGE_CHARACTERS_MAX
