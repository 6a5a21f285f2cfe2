"""Bad inputs to every endpoint: the right 4xx in the right shape, and nobody is asked or billed."""

import json
from typing import Any, NamedTuple

import pytest

from tests.support.asking import FORM_ENDPOINTS, JSON_ENDPOINTS, METERED, asked, members_of
from tests.support.forms import BOUNDARY, form_of, part

MIB = 1024 * 1024
TYPES = {
    400: ("invalid_request_error", "invalid_request_error"),
    405: ("invalid_request_error", "invalid_request_error"),
    413: ("invalid_request_error", "request_too_large"),
    415: ("invalid_request_error", "invalid_request_error"),
}


class Bad(NamedTuple):
    """One bad request: what is sent, and the status and the field that the answer names."""

    endpoint: str
    group: str
    label: str
    status: int
    field: str | None = None
    body: bytes = b""
    content_type: str | None = "application/json"
    method: str = "POST"
    encoding: str | None = None


# What no endpoint with JSON takes, whatever its members.
NO_JSON = {
    "empty": b"",
    "blank": b" \n",
    "open": b"{",
    "text": b"hello",
    "comma": b'{"model":"a",}',
    "single quotes": b"{'model':'a'}",
    "array": b"[]",
    "null": b"null",
    "number": b"5",
    "string": b'"text"',
    "utf-16": '{"model":"a"}'.encode("utf-16"),
    "no utf-8": b'{"model":"\xff"}',
    "a lone surrogate": b'{"model":"\\ud800"}',
    "a control character": b'{"model":"a\x01"}',
    "nan": b'{"model":NaN}',
    "infinity": b'{"model":-Infinity}',
    "a form": form_of(part("model", b"a")).body,
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"x":' * 50_000,
    "zeros": b"\0" * 1000,
}
# Of the good body of each endpoint, spoilt as a whole.
SPOILT = {
    "cut": lambda body: body[:-1],
    "cut in the middle": lambda body: body[: len(body) // 2],
    "trailing garbage": lambda body: body + b"x",
    "twice": lambda body: body + body,
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "nan member": lambda body: body[:-1] + b',"x":NaN}',
    "no utf-8 member": lambda body: body[:-1] + b',"x":"\xff"}',
    "deep member": lambda body: body[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no name": lambda body: body[:-1] + b",5}",
}
# The members that relay reads of each endpoint, and values that they cannot have.
WRONG: dict[str, dict[str, list[Any]]] = {
    "chat.completions": {
        "messages": ["hi", None, 5, {}],
        "n": [0, "2", 1.5, 2**31],
        "max_tokens": [-1, True, 10**30],
        "stream": ["yes", 1],
        "stream_options": [5, []],
    },
    "completions": {"n": [0, "2"], "best_of": [-1, []], "max_tokens": [2**31], "stream": [0]},
    "messages": {"messages": ["hi", None], "max_tokens": [0, "9", 2.5, None], "stream": ["x"]},
    "messages.count_tokens": {"messages": ["hi", {}, None]},
    "responses": {
        "max_output_tokens": [0, "9", 2**31],
        "previous_response_id": [7, ["resp_1"]],
        "store": ["yes"],
        "stream": [1],
    },
    "embeddings": {"input": [None, 5, {}, True]},
    "moderations": {"input": [None, 5, {}]},
    "images.generations": {"prompt": [None, ["a"], 5], "n": [0, "2", 2**31], "stream": ["true"]},
    "audio.speech": {"input": [None, 5, ["a"]], "stream_format": [5, True]},
}
MISSING = {
    "chat.completions": ("model", "messages"),
    "completions": ("model",),
    "messages": ("model", "messages", "max_tokens"),
    "messages.count_tokens": ("model", "messages"),
    "responses": ("model",),
    "embeddings": ("model", "input"),
    "moderations": ("input",),
    "images.generations": ("prompt",),
    "audio.speech": ("model", "input"),
}
MODELS = [5, ["a"], {}, "", "  ", "m" * 257]
OTHER_TYPES = [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
FORM_TYPES = ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; a=b"]


def of_json(endpoint):
    good = asked(endpoint).body
    for label, body in NO_JSON.items():
        yield Bad(endpoint, "no json", label, 400, body=body)
    for label, spoil in SPOILT.items():
        yield Bad(endpoint, "spoilt", label, 400, body=spoil(good))
    for name in MISSING[endpoint]:
        given = {key: value for key, value in members_of(endpoint).items() if key != name}
        body = json.dumps(given).encode()
        yield Bad(endpoint, "members", f"no {name}", 400, name, body)
    for name, values in {"model": MODELS, **WRONG[endpoint]}.items():
        for number, value in enumerate(values):
            body = json.dumps(members_of(endpoint) | {name: value}).encode()
            yield Bad(endpoint, "members", f"{name} {number}", 400, name, body)
    for label, twice in (("first", b'{"model":5,'), ("second", b'{"model":"a","model":5,')):
        body = twice + good[1:].replace(b'"model": ', b'"x": ')
        yield Bad(endpoint, "members", f"duplicate, {label} wrong", 400, "model", body)
    for name in ("model", "mod\\u0065l"):
        member = b'"' + name.encode() + b'":"gpt-x"'
        twice = good if b'"model"' in good else b'{"model":"a",' + good[1:]
        body = b"{" + member + b"," + twice[1:]
        yield Bad(endpoint, "members", f"{name} twice, at first", 400, "model", body)
        body = twice[:-1] + b"," + member + b"}"
        yield Bad(endpoint, "members", f"{name} twice, at last", 400, "model", body)
    for name in ("MODEL", "Model", "mo\\u0044el"):
        body = b'{"' + name.encode() + b'":"gpt-x",' + good[1:]
        yield Bad(endpoint, "members", f"as {name}", 400, name.replace("\\u0044", "D"), body)
    for content_type in [*OTHER_TYPES, "multipart/form-data; boundary=b"]:
        yield Bad(
            endpoint, "content", f"as {content_type}", 415, "content-type", good, content_type
        )


def of_form(endpoint):
    good = asked(endpoint)
    file = "image" if endpoint.startswith("images") else "file"
    for label, body in NO_JSON.items():
        wanted = form_of().content_type
        yield (
            Bad(endpoint, "no form", label, 400, None, body, wanted)
            if label != "a form"
            else Bad(endpoint, "no form", "json", 400, None, b'{"model":"a"}', wanted)
        )
    delimiter = b"--" + BOUNDARY.encode()
    spoilt = {
        "cut": good.body[:-6],
        "cut in the middle": good.body[: len(good.body) // 2],
        "without its first line": good.body[4:],
        "trailing garbage": good.body + b"x",
        "twice": good.body * 2,
        "other line ends": good.body.replace(b"\r\n", b"\n"),
        "text before": b"text" + good.body,
        "a longer boundary": good.body.replace(delimiter + b"\r\n", delimiter + b"x\r\n", 1),
    }
    for label, body in spoilt.items():
        yield Bad(endpoint, "spoilt", label, 400, None, body, good.content_type)
    for label, changed, field in of_fields(endpoint, file):
        yield Bad(endpoint, "fields", label, 400, field, changed.body, changed.content_type)
    for content_type in FORM_TYPES:
        yield Bad(
            endpoint, "content", f"as {content_type}", 400, "content-type", good.body, content_type
        )
    for content_type in [*OTHER_TYPES, "application/json", "multipart/mixed; boundary=b"]:
        yield Bad(
            endpoint, "content", f"as {content_type}", 415, "content-type", good.body, content_type
        )


def of_fields(endpoint, file):
    content = part(file, b"abc", "a.png")
    model = part("model", b"whisper-1")
    yield "nothing in it", form_of(), "model" if endpoint.startswith("audio") else file
    yield "no file", asked(endpoint, **{file: None}), file
    if endpoint.startswith("audio"):
        yield "no model", asked(endpoint, model=None), "model"
    for label, value in (("blank", b" "), ("long", b"m" * 257), ("no utf-8", b"\xff")):
        yield f"model {label}", asked(endpoint, model=value), "model"
    yield "model huge", asked(endpoint, model=b"m" * 5000), "model"
    yield "model twice", form_of(content, model, model), "model"
    yield "model a file", form_of(content, part("model", b"m", "m.txt")), "model"
    yield "model in capitals", form_of(content, model, part("MODEL", b"m")), "MODEL"
    in_capitals = part(file.upper(), b"abc", "a.png")
    yield "a file in capitals", form_of(content, model, in_capitals), file.upper()
    yield "stream", asked(endpoint, stream=b"maybe"), "stream"
    yield "prompt no utf-8", asked(endpoint, prompt=b"\xff"), "prompt"
    yield "no name", form_of(content, model, b"X: 1\r\n\r\nv"), None
    yield "two names", form_of(content, model, part('x"; name="y', b"v")), None
    yield "a folded name", form_of(content, model, part('x";\r\n b="y', b"v")), None
    yield "many fields", form_of(content, model, *[part("x", b"1")] * 200), None


def of_any(endpoint):
    good = asked(endpoint)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        yield Bad(
            endpoint, "content", method, 405, None, good.body, good.content_type, method=method
        )
    for encoding in ("gzip", "br", "identity, gzip"):
        yield Bad(
            endpoint, "content", f"in {encoding}", 415, "content-encoding", good.body,
            good.content_type, encoding=encoding,
        )  # fmt: skip


TABLE = [
    *(bad for endpoint in JSON_ENDPOINTS for bad in of_json(endpoint)),
    *(bad for endpoint in FORM_ENDPOINTS for bad in of_form(endpoint)),
    *(bad for endpoint in METERED for bad in of_any(endpoint)),
]
GROUPS = list(dict.fromkeys((bad.endpoint, bad.group) for bad in TABLE))


def send(relay, bad):
    headers = {"content-type": bad.content_type, "content-encoding": bad.encoding}
    return relay.client.request(
        bad.method,
        asked(bad.endpoint).path,
        content=bad.body,
        headers={name: value for name, value in headers.items() if value is not None},
    )


def check_refusal(answer, bad):
    """As the dialect's SDK parses it, with the field at fault."""
    assert answer.status_code == bad.status, (bad.label, answer.text)
    assert answer.headers["content-type"] == "application/json", bad.label
    assert answer.headers.get("x-should-retry") == "false", (bad.label, answer.text)
    body, request_id = answer.json(), answer.headers["x-request-id"]
    error = body["error"]
    if bad.endpoint.startswith("messages"):
        assert (set(body), body["type"]) == ({"type", "error", "request_id"}, "error"), bad.label
        assert body["request_id"] == request_id == answer.headers["request-id"], bad.label
        assert set(error) == {"type", "message"}, bad.label
        assert error["type"] == TYPES[bad.status][1], bad.label
        assert bad.status != 400 or bad.field is None or f"'{bad.field}'" in error["message"]
    else:
        assert set(body) == {"error"}, bad.label
        assert set(error) == {"message", "type", "param", "code", "request_id"}, bad.label
        assert error["request_id"] == request_id, bad.label
        assert (error["type"], error["param"]) == (TYPES[bad.status][0], bad.field), bad.label
    assert error["message"], bad.label
    assert ("allow" in answer.headers) == (bad.status == 405), bad.label


def check_nothing_happened(relay, echo):
    assert echo.requests() == []
    assert relay.open_leases() == (0, 0)
    assert relay.records() == []


def check_a_good_one_works(relay, endpoint):
    answer = relay.client.post(**asked(endpoint).options)
    assert answer.status_code == 200, answer.text
    assert relay.record(answer.headers["x-request-id"]).endpoint == endpoint


@pytest.mark.parametrize(("endpoint", "group"), GROUPS)
def test_bad_inputs_are_refused_and_good_ones_work_after_them(relay, echo, endpoint, group):
    cases = [bad for bad in TABLE if (bad.endpoint, bad.group) == (endpoint, group)]
    for bad in cases:
        check_refusal(send(relay, bad), bad)
    check_nothing_happened(relay, echo)
    check_a_good_one_works(relay, endpoint)


def test_the_table_is_large_and_says_nothing_twice():
    labels = {(bad.endpoint, bad.group, bad.label) for bad in TABLE}
    assert len(labels) == len(TABLE) > 500
    assert {bad.endpoint for bad in TABLE} == set(METERED)


@pytest.mark.parametrize("endpoint", ["responses", "audio.transcriptions", "messages.count_tokens"])
def test_more_bytes_than_are_taken(relay, echo, endpoint):
    good = asked(endpoint)
    bad = Bad(endpoint, "size", "huge", 413, None, b" " * (32 * MIB) + good.body, good.content_type)
    check_refusal(send(relay, bad), bad)
    if endpoint in JSON_ENDPOINTS:  # test_uploads.py has the forms
        headers = {"content-type": good.content_type}
        content = iter([bad.body[:MIB]] * 33)
        check_refusal(relay.client.post(good.path, content=content, headers=headers), bad)
    check_nothing_happened(relay, echo)
    check_a_good_one_works(relay, endpoint)


@pytest.mark.parametrize("endpoint", METERED)
def test_as_many_bytes_as_are_taken_are_not_refused_for_their_size(relay, endpoint):
    good = asked(endpoint)
    if endpoint in JSON_ENDPOINTS:
        body = good.body + b" " * (8 * MIB - len(good.body))
        answer = relay.client.post(
            good.path, content=body, headers={"content-type": good.content_type}
        )
        assert answer.status_code == 200, answer.text
    else:
        answer = relay.client.post(**asked(endpoint, x_new=b"\r\n" * (4 * MIB)).options)
        assert answer.status_code == 200, answer.text
