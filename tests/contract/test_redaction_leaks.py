"""Planted values in 200 requests over all endpoints: none is anywhere but with its caller."""

import itertools
import json
import re

import httpx
import psycopg
import pytest

from tests.support.asking import FORM_ENDPOINTS, JSON_ENDPOINTS, asked
from tests.support.forms import form_of, part
from tests.support.relay_process import eventually

REQUESTS = 200
# The echo provider keeps so many requests whole.
LOOKED_AT_EACH = 80
POLICY = {"entities": {"CONTACT": "mask", "SECRETS": "redact", "FINANCIAL": "mask"}}
STREAMED = ("chat.completions", "completions", "messages", "responses")
# What is planted has one of these in it, and nothing else does.
PLANTED = re.compile(rb"leak\d{4}|LEAKleak")


def values(number):
    return [f"leak{number:04d}@private.example", f"sk-proj-LEAKleak{number:04d}{'a' * 24}"]


def text(number):
    return "write to {} with {} today".format(*values(number))


def json_members(endpoint, number):
    said = text(number)
    turns = [{"role": "user", "content": said}]
    if endpoint in ("messages", "messages.count_tokens"):
        call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {said[9:37]: [said]}}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": said}
        more = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        return {"system": said, "messages": turns + more, "tools": [anthropic_tool(said)]}
    if endpoint == "chat.completions":
        arguments = json.dumps({"to": said})
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        more = [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": said},
        ]
        system = [{"role": "system", "content": [{"type": "text", "text": said}]}]
        tool = {"type": "function", "function": {"name": "f", "description": said}}
        return {"messages": system + turns + more, "tools": [tool], "user": said}
    if endpoint == "responses":
        arguments = json.dumps({"to": said})
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
        output = {"type": "function_call_output", "call_id": "c", "output": said}
        return {"instructions": said, "input": [*turns, call, output], "metadata": {"a": said}}
    prompt = endpoint in ("completions", "images.generations")
    return {"prompt" if prompt else "input": said}


def anthropic_tool(said):
    schema = {"type": "object", "properties": {"to": {"type": "string", "description": said}}}
    return {"name": "f", "description": said, "input_schema": schema}


def form_members(number):
    return {"prompt": text(number).encode(), "user": text(number).encode()}


def requests():
    """What is asked in turn: (request, what its answer says again)."""
    numbers = itertools.count()
    while True:
        for endpoint in JSON_ENDPOINTS:
            number = next(numbers)
            stream = {"stream": True} if endpoint in STREAMED and number % 2 else {}
            yield number, asked(endpoint, **json_members(endpoint, number), **stream)
        for endpoint in FORM_ENDPOINTS:
            number = next(numbers)
            yield number, asked(endpoint, **form_members(number))
        number = next(numbers)
        yield number, asked("responses", input=f"[[echo failed=server_error]] {text(number)}")
        number = next(numbers)
        wrong = {"messages": [{"role": "none", "content": text(number)}]}
        yield number, asked("chat.completions", **wrong)
        number = next(numbers)
        params = {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": text(number)}
        params["messages"] = [{"role": "user", "content": text(number)}]
        batch = json.dumps({"requests": [{"custom_id": "a", "params": params}]}).encode()
        yield number, asked("messages")._replace(path="/v1/messages/batches", body=batch)
        number = next(numbers)
        form = form_of(part("purpose", b"user_data"), part("file", text(number).encode(), "a.txt"))
        yield (
            number,
            asked("messages")._replace(path="/v1/files", body=form[0], content_type=form[1]),
        )


@pytest.fixture(scope="module")
def served(stack):
    """What the provider was told, and the answers, of 200 requests with redaction."""
    key = stack.create_key(name="redacted", redaction=POLICY)
    told, answers = [], []
    echo = f"{stack.processes['echo_provider']['url']}/echo"
    headers = {"x-api-key": key}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as client:
        for count, (number, request) in enumerate(itertools.islice(requests(), REQUESTS)):
            if count % LOOKED_AT_EACH == 0:
                told.append(httpx.get(f"{echo}/received").content)
                httpx.delete(f"{echo}/requests").raise_for_status()
            answers.append((number, request, client.post(**request.options)))
    told.append(httpx.get(f"{echo}/received").content)
    wait_for_the_ledger(stack)
    return told, answers


def wait_for_the_ledger(stack):
    """Until no lease is open, message batches' neither, and the outbox is empty."""
    with stack.redis() as client:

        def is_settled():
            for task in ("jobs", "leases", "outbox"):
                stack.fire(task)
            return not client.xlen("{relay}:outbox") and not client.zcard("{relay}:leases")

        eventually(is_settled, within_s=60)


def test_callers_have_their_values_back(served):
    _, answers = served
    assert len(answers) == REQUESTS
    failed = [
        (request.path, answer.status_code, answer.text[:300])
        for _, request, answer in answers
        if answer.status_code != 200 and b"failed=" not in request.body
    ]
    # A role of no meaning and a file for a provider that keeps none.
    assert {path for path, *_ in failed} <= {"/v1/chat/completions", "/v1/files"}
    back = [number for number, _, answer in answers if values(number)[0].encode() in answer.content]
    assert len(back) >= REQUESTS / 4
    assert not any(b"EMAIL_ADDRESS_" in answer.content for _, _, answer in answers)
    assert not any(b"LEAKleak" in answer.content for _, _, answer in answers)


def test_the_provider_was_told_none(served):
    told, _ = served
    everything = b"".join(told[1:])
    assert everything.count(b"EMAIL_ADDRESS_") > REQUESTS
    assert PLANTED.findall(everything) == []


def test_no_log_has_any(served, stack):
    looked_at = 0
    for path in stack.state.rglob("*"):
        if path.is_file() and path.suffix in (".log", ".out", ".json", ".txt", ""):
            looked_at += path.suffix == ".log"
            assert PLANTED.findall(path.read_bytes()) == [], path
    assert looked_at
    assert PLANTED.findall(stack.output.encode()) == []


def test_redis_has_none(served, stack):
    with stack.redis() as client:
        names = list(client.scan_iter(count=1000))
        assert names
        for name in names:
            assert PLANTED.findall(name + content(client, name)) == [], name


def content(client, name):
    """Everything that a key holds, of whatever type."""
    match client.type(name):
        case b"string":
            held = client.get(name)
        case b"hash":
            held = client.hgetall(name)
        case b"list":
            held = client.lrange(name, 0, -1)
        case b"set":
            held = client.smembers(name)
        case b"zset":
            held = client.zrange(name, 0, -1)
        case b"stream":
            held = client.xrange(name)
        case b"none":  # expired since it was listed
            held = ""
        case other:
            raise AssertionError(f"{name} is a {other}")
    return repr(held).encode()


def test_postgres_has_none(served, stack):
    with psycopg.connect(stack.processes["postgres"]["url"]) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 5
        for schema, table in tables:
            rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t').fetchall()
            assert PLANTED.findall(repr(rows).encode()) == [], table
        redactions = connection.execute("SELECT sum(redactions) FROM ledger").fetchone()
    assert redactions is not None
    assert redactions[0] > REQUESTS
