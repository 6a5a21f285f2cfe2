"""An account that fails is seen: in the log, in the metric, in Redis for `relayctl doctor`."""

import json

import pytest
import redis

from common.domain.accounts import built_in_account_id
from common.telemetry import catalogue
from functions.relay.account_health import AccountHealth
from functions.relay.snapshots import UsableAccount
from tests.support.relay_process import CHAT, PREFIX, ask, eventually, run, stored_account

OPENAI = built_in_account_id("openai")
HISTORY = f"{PREFIX}:account-errors:{OPENAI}"


def ask_failing(relay, fault):
    return relay.client.post(CHAT, json=ask("openai"), headers={"x-echo-fault": fault})


def kept(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        found = client.hgetall(f"{PREFIX}:account-failures")
    return {account.decode(): json.loads(failure) for account, failure in found.items()}


def test_every_failed_attempt_is_a_warning_in_the_log(relay, echo):
    account = stored_account(echo.url)
    relay.project_accounts(account)
    answer = ask_failing(relay, "status=401")
    request_id = answer.headers["x-request-id"]
    relay.record(request_id)
    lines = [line for line in relay.log_lines("attempt_failed") if line["request_id"] == request_id]
    names = ("level", "account_id", "account", "status", "reason", "rest_ms", "moved")
    assert [tuple(line[name] for name in names) for line in lines] == [
        ("warning", account.id, "stored", 401, "upstream_credential", 900_000, True),
        ("warning", OPENAI, "built-in openai", 401, "upstream_credential", 900_000, False),
    ]


@pytest.mark.parametrize(
    ("fault", "reason", "status"),
    [("status=401", "upstream_credential", 401), ("reset", "upstream_cut", None)],
)
def test_the_last_failure_is_kept_until_the_account_serves(relay, fault, reason, status):
    ask_failing(relay, "")
    for count in (1, 2):
        ask_failing(relay, fault)
        eventually(lambda count=count: kept(relay).get(OPENAI, {}).get("count") == count)
    failure = kept(relay)[OPENAI]
    assert (failure["reason"], failure["status"]) == (reason, status)
    with redis.Redis.from_url(relay.redis.url) as client:
        history = [json.loads(one) for one in client.lrange(HISTORY, 0, -1)]
    assert [one["count"] for one in history[:2]] == [2, 1]
    assert history[0] == failure
    # What the provider says of the request itself is no fault of the account's.
    assert ask_failing(relay, "status=400").status_code == 400
    eventually(lambda: kept(relay) == {})


def test_a_relay_that_saw_no_failure_clears_another_ones_once_in_a_while():
    calls, work = [], []

    class Commands:
        async def call(self, *arguments):
            calls.append(arguments[0])

    health = AccountHealth(Commands(), PREFIX, work.append)
    account = UsableAccount("01A", "one", "openai", "http://x")
    for _ in range(5):
        health.served(account)
    (only,) = work
    run(only)
    assert calls == ["HDEL"]


def test_the_metric_tells_accounts_apart():
    assert catalogue.UPSTREAM_ATTEMPTS.labels == ("provider", "account", "result")
