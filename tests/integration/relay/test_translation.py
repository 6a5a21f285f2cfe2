"""Any dialect to a provider of another: answers, streams, tools, errors, failover, the ledger."""

import json

import anthropic
import msgspec
import openai
import pytest

from common.domain.policies import ORGANISATION, Budget, Policy
from common.domain.usage import Tokens
from tests.support.relay_process import (
    CHAT,
    MESSAGES,
    MODELS,
    PATHS,
    RelayProcess,
    ask,
    capturing,
    events,
    eventually,
    stored_account,
)

# The caller's dialect: the provider that serves it.
OTHER = {"openai": "anthropic", "anthropic": "openai"}
CALLERS = pytest.mark.parametrize("caller", OTHER)
STREAMED = pytest.mark.parametrize("stream", [False, True])
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOLS = {
    "openai": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
    "anthropic": [{"name": "weather", "input_schema": WEATHER}],
}


@pytest.fixture(scope="module")
def running_bare(tmp_path_factory, running_redis, running_echo):
    """Without built-in accounts, and with little patience for streams."""
    settings = {
        "OPENAI_API_KEY": "",
        "ANTHROPIC_API_KEY": "",
        "OPENAI_BASE_URL": "",
        "ANTHROPIC_BASE_URL": "",
        "RELAY_FIRST_TOKEN_TIMEOUT_S": "1",
        "RELAY_IDLE_TIMEOUT_S": "1",
        "RELAY_ATTEMPTS_MAX": "2",
    }
    directory = tmp_path_factory.mktemp("bare")
    with RelayProcess(directory, running_redis, running_echo.url, **settings) as process:
        yield process


@pytest.fixture
def bare(running_bare):
    running_bare.reset()
    return running_bare


def account_of(echo, provider, model, **fields):
    """An account that names the model, which the caller asks for under its own name for it."""
    made = stored_account(echo.url, provider=provider, models={model: MODELS[provider]}, **fields)
    return msgspec.structs.replace(made, base_url=echo.url) if provider == "anthropic" else made


def asked_of_other(bare, echo, caller, content="hello my world", fault="", **fields):
    """The caller's dialect, served by the other provider under a name that only it has."""
    bare.project_accounts(account_of(echo, OTHER[caller], "translated"))
    body = ask(caller, content, **fields) | {"model": "translated"}
    return bare.client.post(PATHS[caller], json=body, headers={"x-echo-fault": fault})


def data_of(content):
    """The JSON of a stream's events."""
    lines = [line for event in events(content) for line in event.split(b"\n")]
    found = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    return [json.loads(one) for one in found if one != b"[DONE]"]


def text_of(caller, answer, *, stream):
    """The text of an answer in the caller's dialect."""
    if not stream:
        body = answer.json()
        if caller == "openai":
            return body["choices"][0]["message"]["content"]
        return "".join(block["text"] for block in body["content"])
    if caller == "openai":
        deltas = [one["choices"][0]["delta"] for one in data_of(answer.content) if one["choices"]]
        return "".join(delta.get("content") or "" for delta in deltas)
    found = [one["delta"] for one in data_of(answer.content) if one["type"].endswith("_delta")]
    return "".join(delta.get("text", "") for delta in found)


@CALLERS
@STREAMED
def test_an_answer_and_its_record(bare, echo, caller, stream):
    answer = asked_of_other(bare, echo, caller, stream=stream)
    assert answer.status_code == 200, answer.text
    assert text_of(caller, answer, stream=stream) == "hello my world"
    (asked,) = echo.requests()
    assert (asked["dialect"], asked["model"]) == (OTHER[caller], MODELS[OTHER[caller]])
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.provider, record.dialect) == ("ok", OTHER[caller], caller)
    assert record.usage_source == "reported"
    assert record.tokens == Tokens(asked["input_tokens"], asked["output_tokens"])
    assert record.priced_as == MODELS[OTHER[caller]]
    assert float(record.cost_usd) > 0
    assert answer.headers["x-relay-account"] == record.account_id
    assert answer.headers["x-relay-provider"] == OTHER[caller]
    assert answer.headers["x-relay-model"] == MODELS[OTHER[caller]]
    assert answer.headers["x-relay-attempts"] == "1"
    assert bare.open_leases() == (0, 0)


@CALLERS
def test_the_official_clients_call_tools_in_streams(bare, echo, caller):
    bare.project_accounts(account_of(echo, OTHER[caller], "translated"))
    content = 'call weather {"city": "Bern"} and call weather {"city": "Oslo"}'
    messages = [{"role": "user", "content": content}]
    fields = {"model": "translated", "messages": messages, "tools": TOOLS[caller]}
    cities = []
    if caller == "openai":
        client = openai.OpenAI(api_key=bare.key, base_url=f"{bare.url}/v1", max_retries=0)
        with client.chat.completions.stream(**fields) as stream:
            message = stream.get_final_completion().choices[0]
        assert message.finish_reason == "tool_calls"
        calls = message.message.tool_calls or []
        cities = [json.loads(call.function.arguments)["city"] for call in calls]
    else:
        other = anthropic.Anthropic(api_key=bare.key, base_url=bare.url, max_retries=0)
        with other.messages.stream(max_tokens=500, **fields) as streamed:
            final = streamed.get_final_message()
        assert final.stop_reason == "tool_use"
        cities = [block.input["city"] for block in final.content if block.type == "tool_use"]
    assert cities == ["Bern", "Oslo"]
    record = bare.only_record()
    (asked,) = echo.requests()
    assert record.tokens == Tokens(asked["input_tokens"], asked["output_tokens"])


@CALLERS
@STREAMED
@pytest.mark.parametrize("status", [400, 404, 413, 422, 500, 503, 529])
def test_a_providers_error_is_said_in_the_callers_dialect(bare, echo, caller, status, stream):
    answer = asked_of_other(bare, echo, caller, fault=f"status={status}", stream=stream)
    assert answer.status_code == status
    body = answer.json()
    assert body["error"]["message"].startswith("echo: ")
    assert (body.get("type") == "error") == (caller == "anthropic")
    assert ("param" in body["error"]) == (caller == "openai")
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.tokens) == ("error", Tokens())
    assert record.cost_usd == "0.000000000000"


# fault: status, the record's error code
FAULTS = {
    "garbage=html": (502, "upstream_garbage"),
    "garbage=json": (502, "upstream_garbage"),
    "half_json=exact": (502, "upstream_garbage"),
    "half_json=lying": (502, "upstream_cut"),
    "empty_body": (502, "upstream_garbage"),
    "redirect": (502, "upstream_garbage"),
    "reset": (502, "upstream_cut"),
    "status=400,garbage=html": (502, "upstream_garbage"),
    "status=401": (502, "upstream_credential"),
    "status=429,retry_after=7": (429, "upstream_rate_limited"),
}
FAULTS_OF_STREAMS = {
    "reset_after=0": (502, "upstream_cut"),
    "cut_after=0": (502, "upstream_cut"),
    "error_after=0": (502, "upstream_error"),
    "garbage=html": (502, "upstream_garbage"),
    "redirect": (502, "upstream_garbage"),
}


@CALLERS
@pytest.mark.parametrize(
    ("fault", "stream"),
    [(fault, False) for fault in FAULTS] + [(fault, True) for fault in FAULTS_OF_STREAMS],
)
def test_what_is_no_answer_is_an_error_and_costs_nothing(bare, echo, caller, fault, stream):
    answer = asked_of_other(bare, echo, caller, fault=fault, stream=stream)
    status, code = (FAULTS | FAULTS_OF_STREAMS)[fault]
    assert answer.status_code == status
    assert (answer.json().get("type") == "error") == (caller == "anthropic")
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    record = bare.record(answer.headers["x-request-id"])
    assert (record.error_code, record.cost_usd) == (code, "0.000000000000")
    assert bare.open_leases() == (0, 0)


@CALLERS
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("cut_after=5", "upstream_cut"),
        ("reset_after=5", "upstream_cut"),
        ("error_after=5", "upstream_error"),
        ("stall_after=5", "upstream_timeout"),
    ],
)
def test_a_translated_stream_that_breaks_ends_with_the_callers_error(
    bare, echo, caller, fault, code
):
    fault += ",words=40,chunk_delay_ms=5"
    answer = asked_of_other(bare, echo, caller, fault=fault, stream=True)
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.error_code) == ("error", code)
    assert b"[DONE]" not in answer.content
    assert b"message_stop" not in answer.content
    assert answer.content.count(b'"error":{') == 1
    last = data_of(answer.content)[-1]
    assert (last.get("type") == "error") == (caller == "anthropic")
    assert last["error"]["message"]
    assert record.tokens.output > 0
    assert bare.open_leases() == (0, 0)


@CALLERS
def test_an_event_of_more_than_a_mebibyte_is_translated(bare, echo, caller):
    fields = {"stream": True, "max_tokens": 200_000}
    answer = asked_of_other(bare, echo, caller, fault="huge_event=1100000", **fields)
    assert len(text_of(caller, answer, stream=True)) >= 1_100_000
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.usage_source) == ("ok", "reported")


@STREAMED
@pytest.mark.parametrize("fault", ["status=500", "status=429", "reset", "garbage=html"])
def test_failover_goes_on_in_another_format(bare, echo, fault, stream):
    first = account_of(echo, "openai", "either", priority=1)
    second = account_of(echo, "anthropic", "either", priority=2)
    bare.project_accounts(first, second)
    for caller, path in PATHS.items():
        echo.clear()
        body = ask(caller, stream=stream) | {"model": "either"}
        tag = {"x-echo-fault": f"{fault},times=1,tag={caller}{fault}{stream}"}
        answer = bare.client.post(path, json=body, headers=tag)
        assert answer.status_code == 200, answer.text
        assert text_of(caller, answer, stream=stream) == "hello my world"
        assert [one["dialect"] for one in echo.requests()] == ["openai", "anthropic"]
        served = echo.requests()[-1]
        record = bare.record(answer.headers["x-request-id"])
        assert (record.attempts, record.account_id) == (2, second.id)
        assert record.tokens == Tokens(served["input_tokens"], served["output_tokens"])
        assert answer.headers["x-relay-attempts"] == "2"
        assert answer.headers["x-relay-account"] == second.id
        bare.reset()
        bare.project_accounts(first, second)


def test_no_more_accounts_are_asked_than_the_budget_has(bare, echo):
    accounts = [account_of(echo, "openai", "either", priority=number) for number in range(3)]
    bare.project_accounts(*accounts)
    body = ask("openai") | {"model": "either"}
    answer = bare.client.post(CHAT, json=body, headers={"x-echo-fault": "status=500"})
    assert answer.status_code == 500
    assert (answer.headers["x-relay-attempts"], len(echo.requests())) == ("2", 2)
    request_id = answer.headers["x-request-id"]

    def failed():
        lines = bare.log_lines("attempt_failed")
        return [line for line in lines if line["request_id"] == request_id]

    eventually(lambda: len(failed()) == 2)  # lines are written after the answer
    assert [line["account_id"] for line in failed()] == [one.id for one in accounts[:2]]
    assert [line["moved"] for line in failed()] == [True, False]


def test_a_stream_that_does_not_begin_moves_to_the_next_account(bare, echo):
    first = account_of(echo, "anthropic", "either", priority=1)
    second = account_of(echo, "openai", "either", priority=2)
    bare.project_accounts(first, second)
    body = ask("anthropic", stream=True) | {"model": "either"}
    fault = {"x-echo-fault": "stall_after=0,times=1"}
    answer = bare.client.post(MESSAGES, json=body, headers=fault)
    assert text_of("anthropic", answer, stream=True) == "hello my world"
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.attempts, record.account_id) == ("ok", 2, second.id)


@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/count_tokens"])
def test_a_conversation_that_comes_to_anthropic_leaves_thoughts_of_others_behind(bare, path):
    thought = {"type": "thinking", "thinking": "hm", "signature": "openai.chat:"}
    words = {"type": "text", "text": "b"}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thought, words]},
        {"role": "user", "content": "c"},
    ]
    body = ask("anthropic") | {"messages": turns}
    with capturing(b"{}") as (url, seen):
        native = stored_account(url, provider="anthropic")
        bare.project_accounts(msgspec.structs.replace(native, base_url=url))
        bare.client.post(path, json=body)
    ((_, _, sent),) = seen
    turns[1]["content"] = [words]
    assert json.loads(sent) == body


def test_what_no_account_can_be_told_is_refused_by_name_before_anything_is_asked(bare, echo):
    answer = asked_of_other(bare, echo, "openai", seed=7)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "seed"
    assert echo.requests() == []
    assert bare.records() == []
    assert bare.open_leases() == (0, 0)


@pytest.mark.parametrize("limited", [False, True])
def test_what_one_account_cannot_be_told_another_is(bare, echo, limited):
    first = account_of(echo, "anthropic", "either", priority=1)
    second = account_of(echo, "openai", "either", priority=2)
    bare.project_accounts(first, second)
    if limited:
        bare.project_policy(ORGANISATION, Policy(budgets=(Budget("day", "5", "deny"),)))
    answer = bare.client.post(CHAT, json=ask("openai", seed=7) | {"model": "either"})
    assert answer.status_code == 200, answer.text
    record = bare.record(answer.headers["x-request-id"])
    assert (record.status, record.account_id) == ("ok", second.id)
    assert [one["dialect"] for one in echo.requests()] == ["openai"]


@CALLERS
@STREAMED
def test_a_hard_budget_holds_by_what_the_provider_is_sent(bare, echo, caller, stream):
    bare.project_policy(ORGANISATION, Policy(budgets=(Budget("day", "0.003", "clamp"),)))
    answer = asked_of_other(bare, echo, caller, fault="words=400", stream=stream)
    assert answer.status_code == 200, answer.text
    record = bare.record(answer.headers["x-request-id"])
    assert record.policy is not None
    reserved = float(record.policy.reserved_usd or 0)
    assert 0 < float(record.cost_usd) <= reserved <= 0.003
    if caller == "openai":  # dear enough for the budget to cap what has no cap of its own
        assert record.tokens.output == record.policy.output_cap
        assert record.finish_cause == "complete"
    else:
        assert (record.tokens.output, record.policy.output_cap) == (400, None)


def test_a_model_that_is_anothers_goes_to_its_provider_without_a_list(relay, echo):
    for caller, model in (("openai", MODELS["anthropic"]), ("anthropic", MODELS["openai"])):
        answer = relay.client.post(PATHS[caller], json=ask(caller) | {"model": model})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-relay-provider"] == OTHER[caller]
    assert [one["dialect"] for one in echo.requests()] == ["anthropic", "openai"]
    eventually(lambda: len(relay.records()) == 2)


def test_no_account_of_another_dialect_keeps_a_job(bare, echo):
    bare.project_accounts(account_of(echo, "anthropic", "translated"))
    body = {"model": MODELS["anthropic"], "input": "hi", "background": True}
    answer = bare.client.post("/v1/responses", json=body)
    assert echo.requests() == [] or echo.requests()[0]["dialect"] == "openai"
    assert answer.status_code == 404
