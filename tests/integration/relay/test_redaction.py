"""Redaction as callers see it: what leaves is masked, what comes back is not, in every dialect."""

import json

import msgspec
import openai
import pytest

from common.domain.content_rules import ContentRules
from common.domain.policies import Policy, team_scope
from tests.support.asking import METERED, asked
from tests.support.forms import form_of, part
from tests.support.relay_process import ask, capturing, eventually, stored_account

MAIL = "ann.lee@private.example"
TEXT = f"tell {MAIL} now"
GEMINI = "gemini-2.5-flash"
TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAY"
MASK = {"entities": {"CONTACT": "mask", "SECRETS": "mask"}}
# Members of a good request that hold the text, where it is none of these.
TEXTS = {
    "chat.completions": {"messages": [{"role": "user", "content": TEXT}]},
    "messages": {"messages": [{"role": "user", "content": TEXT}]},
    "messages.count_tokens": {"messages": [{"role": "user", "content": TEXT}]},
    "completions": {"prompt": TEXT},
    "images.variations": {"user": TEXT.encode()},
    **{name: {"prompt": TEXT.encode()} for name in ("images.edits", "audio.transcriptions")},
    "audio.translations": {"prompt": TEXT.encode()},
    "images.generations": {"prompt": TEXT},
}
# Whose answer says the request's text again.
SAYING = ("chat.completions", "completions", "messages", "responses")


@pytest.fixture
def key(relay):
    """A key with redaction, presented by `relay.client`."""
    return present(relay, MASK)


def present(relay, redaction, **fields):
    policy = Policy(content=ContentRules(redaction=redaction))
    key = relay.project_key(policy=policy, **fields)
    relay.client.headers["authorization"] = f"Bearer {key}"
    return key


def said_to(echo):
    """Everything that the provider was told."""
    return json.dumps(echo.received())


def masked(echo):
    assert MAIL not in said_to(echo)
    assert "ann.lee" not in said_to(echo)
    assert "EMAIL_ADDRESS_" in said_to(echo)


@pytest.mark.parametrize("endpoint", METERED)
def test_no_endpoint_lets_a_value_out(relay, echo, key, endpoint):
    members = TEXTS.get(endpoint, {"input": TEXT})
    answer = relay.client.post(**asked(endpoint, **members).options)
    assert answer.status_code == 200, answer.text
    masked(echo)
    assert relay.record(answer.headers["x-request-id"]).redactions == 1
    assert b"EMAIL_ADDRESS_" not in answer.content
    if endpoint in SAYING:
        assert answer.text.count(MAIL) == 1


@pytest.mark.parametrize("endpoint", SAYING)
def test_values_come_back_in_streams(relay, echo, key, endpoint):
    members = TEXTS.get(endpoint, {"input": TEXT})
    answer = relay.client.post(**asked(endpoint, stream=True, **members).options)
    assert answer.status_code == 200, answer.text
    masked(echo)
    assert "EMAIL_ADDRESS" not in answer.text
    assert MAIL in answer.text
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.usage_source) == ("ok", "reported")


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
@pytest.mark.parametrize("provider", ["gemini", "openai", "anthropic"])
def test_gemini_and_whoever_answers_in_its_place(relay, echo, key, provider, method):
    served = {"gemini": GEMINI, "openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
    account = stored_account(echo.url, provider=provider, models={"any": served[provider]})
    if provider != "openai":
        account = msgspec.structs.replace(account, base_url=echo.url)
    relay.project_accounts(account)
    body = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
    answer = relay.client.post(f"/v1beta/models/any:{method}", json=body)
    assert answer.status_code == 200, answer.text
    masked(echo)
    assert "EMAIL_ADDRESS" not in answer.text
    assert MAIL in answer.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("caller", "provider"), [("openai", "anthropic"), ("anthropic", "openai")])
def test_values_come_back_after_translation(relay, echo, key, caller, provider, stream):
    served = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}[provider]
    account = stored_account(echo.url, provider=provider, models={"any": served})
    if provider != "openai":
        account = msgspec.structs.replace(account, base_url=echo.url)
    relay.project_accounts(account)
    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[caller]
    answer = relay.client.post(path, json=ask(caller, TEXT, stream=stream) | {"model": "any"})
    assert answer.status_code == 200, answer.text
    masked(echo)
    assert MAIL in answer.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_tools_arguments_get_their_values_back(relay, echo, key, stream):
    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "mail", "parameters": schema}}
    text = f'call mail {{"to": "{MAIL}"}}'
    answer = relay.client.post(
        "/v1/chat/completions", json=ask("openai", text, tools=[tool], stream=stream)
    )
    assert answer.status_code == 200, answer.text
    masked(echo)
    assert "EMAIL_ADDRESS" not in answer.text
    if not stream:
        call = answer.json()["choices"][0]["message"]["tool_calls"][0]
        assert json.loads(call["function"]["arguments"]) == {"to": MAIL}


def test_a_value_has_one_placeholder_within_a_tenant_and_others_elsewhere(relay, echo):
    seen = []
    for fields in ({"team_id": TEAM}, {"team_id": TEAM}, {}):
        present(relay, MASK, **fields)
        assert relay.client.post("/v1/chat/completions", json=ask("openai", TEXT)).is_success
        seen.append(echo.last()["body"]["messages"])
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/chat/completions", ask("openai", TEXT), "messages[0].content"),
        ("/v1/messages", ask("anthropic", TEXT), "messages[0].content"),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": TEXT}]}]}, "text"),
    ],
)
def test_a_blocked_value_is_named_by_entity_and_field_never_by_text(relay, echo, path, body, field):
    present(relay, {"entities": {"EMAIL_ADDRESS": "block"}})
    answer = relay.client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    message = answer.json()["error"]["message"]
    assert "EMAIL_ADDRESS" in message
    assert field in message
    assert MAIL not in answer.text
    assert echo.requests() == []
    assert relay.records() == []
    line = relay.log_line(answer.headers["x-request-id"])
    assert (line["reason"], line["admitted"]) == ("pii_blocked", False)


def test_the_nearest_level_holds_whole(relay, echo):
    relay.project_policy(team_scope(TEAM), Policy(content=ContentRules(redaction=MASK)))
    key = relay.project_key(team_id=TEAM)
    headers = {"authorization": f"Bearer {key}"}
    assert relay.client.post(
        "/v1/messages", json=ask("anthropic", TEXT), headers=headers
    ).is_success
    masked(echo)
    present(relay, {"entities": {}}, team_id=TEAM)
    assert relay.client.post("/v1/messages", json=ask("anthropic", TEXT)).is_success
    assert MAIL in json.dumps(echo.last())


def test_a_policy_holds_on_the_next_request(relay, echo):
    key = relay.project_key(team_id=TEAM)
    headers = {"authorization": f"Bearer {key}"}
    body = ask("anthropic", TEXT)
    assert relay.client.post("/v1/messages", json=body, headers=headers).is_success
    assert MAIL in json.dumps(echo.last())
    relay.project_policy(team_scope(TEAM), Policy(content=ContentRules(redaction=MASK)))
    assert relay.client.post("/v1/messages", json=body, headers=headers).is_success
    assert MAIL not in json.dumps(echo.last())
    relay.project_policy(team_scope(TEAM), Policy())
    assert relay.client.post("/v1/messages", json=body, headers=headers).is_success
    assert MAIL in json.dumps(echo.last())


@pytest.mark.parametrize(
    ("on_failure", "status", "told"),
    [("deny", 503, None), ("regex_only", 200, "Bob EMAIL_ADDRESS_"), ("allow", 200, f"Bob {MAIL}")],
)
def test_what_becomes_of_a_request_while_no_language_model_answers(
    relay, echo, on_failure, status, told
):
    entities = {"PERSON": "mask", "EMAIL_ADDRESS": "mask"}
    present(relay, {"entities": entities, "tier": "model", "on_failure": on_failure})
    answer = relay.client.post("/v1/chat/completions", json=ask("openai", f"Bob {MAIL}"))
    assert answer.status_code == status
    if told is None:
        assert answer.json()["error"]["code"] == "pii_unavailable"
        assert answer.headers["retry-after"] == "1"
        assert echo.requests() == []
    else:
        assert told in said_to(echo)
    request_id = answer.headers["x-request-id"]

    def outcomes():
        lines = relay.log_lines("redaction_model_unavailable")
        return [one["outcome"] for one in lines if one["request_id"] == request_id]

    eventually(lambda: outcomes() == [on_failure])


SAID = "write to bob@else.example or call"


def provider_saying(stream):
    if not stream:
        message = {"role": "assistant", "content": SAID}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        return capturing(json.dumps({"choices": [choice], "usage": usage}).encode())
    chunks = [{"index": 0, "delta": {"content": word}} for word in SAID.split(" ")]
    chunks = [{"choices": [one | {"finish_reason": None}]} for one in chunks]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
    return capturing("".join(events).encode(), ("content-type", "text/event-stream"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("action", ["mask", "block", "observe"])
def test_an_answer_is_searched_where_the_policy_says_so(relay, stream, action):
    present(relay, {"entities": {"EMAIL_ADDRESS": action}, "output": True})
    with provider_saying(stream) as (url, _):
        relay.project_accounts(stored_account(url, models={"any": "gpt-4o-mini"}))
        body = ask("openai", "whom?", stream=stream) | {"model": "any"}
        answer = relay.client.post("/v1/chat/completions", json=body)
    assert (b"bob@else.example" in answer.content) == (action == "observe")
    assert (b"REDACTED_EMAIL_ADDRESS" in answer.content) == (action == "mask")
    assert (b"pii_blocked" in answer.content) == (action == "block")
    record = relay.record(answer.headers["x-request-id"])
    assert (record.redactions, record.tokens.output > 0) == (1, True)
    if action == "block":
        assert (record.status, record.error_code) == ("error", "pii_blocked")
        assert answer.status_code == (200 if stream and answer.status_code == 200 else 400)
        assert b"[DONE]" not in answer.content


def lines(text):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    row = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(row).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "purpose", "content", "kept"),
    [
        ("a.jsonl", b"batch", lines(TEXT) + lines("x"), b"tell EMAIL_ADDRESS_"),
        ("a.txt", b"user_data", f"é {TEXT}".encode(), "é tell EMAIL_ADDRESS_".encode()),
        ("a.bin", b"vision", b"\xff\x00" + TEXT.encode(), TEXT.encode()),
    ],
)
def test_a_file_of_text_is_redacted_and_others_pass(relay, key, name, purpose, content, kept):
    answered = b'{"id":"file-1","object":"file"}'
    with capturing(answered) as (url, seen):
        relay.project_accounts(stored_account(url))
        form = form_of(part("purpose", purpose), part("file", content, name))
        headers = {"content-type": form.content_type}
        answer = relay.client.post("/v1/files", content=form.body, headers=headers)
    assert answer.status_code == 200, answer.text
    (sent,) = [body for path, _, body in seen if path == "/v1/files"]
    assert kept in sent
    assert (sent[:40], sent[-10:]) == (form.body[:40], form.body[-10:])


def test_a_batch_of_a_file_that_was_never_redacted_is_refused(relay, running_redis):
    from tests.support.file_provider import FileProvider

    provider = FileProvider()
    try:
        relay.project_accounts(stored_account(provider.url))
        plain = relay.project_key(team_id=TEAM)
        client = openai.OpenAI(api_key=plain, base_url=f"{relay.url}/v1", max_retries=0)
        file = client.files.create(file=("a.jsonl", lines(TEXT)), purpose="batch")
        key = present(relay, MASK, team_id=TEAM)
        client = openai.OpenAI(api_key=key, base_url=f"{relay.url}/v1", max_retries=0)
        asked_for = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        with pytest.raises(openai.BadRequestError, match="upload the file again") as refused:
            client.batches.create(input_file_id=file.id, **asked_for)
        assert refused.value.param == "input_file_id"
        again = client.files.create(file=("a.jsonl", lines(TEXT)), purpose="batch")
        assert MAIL.encode() not in provider.files[again.id]
        assert client.batches.create(input_file_id=again.id, **asked_for).id
    finally:
        provider.close()


def test_message_batches_are_redacted_request_by_request(relay, echo, key):
    params = ask("anthropic", TEXT) | {"system": TEXT}
    body = {"requests": [{"custom_id": "a", "params": params}]}
    answer = relay.client.post("/v1/messages/batches", json=body)
    assert answer.status_code == 200, answer.text
    masked(echo)


def test_nothing_of_a_value_is_kept(relay, echo, key, running_redis):
    import redis

    answer = relay.client.post("/v1/chat/completions", json=ask("openai", TEXT))
    eventually(relay.records)
    assert MAIL in answer.text
    with redis.Redis.from_url(running_redis.url) as client:
        for name in client.scan_iter():
            assert b"ann.lee" not in (client.dump(name) or b"")
    assert "ann.lee" not in relay.log.read_text()
