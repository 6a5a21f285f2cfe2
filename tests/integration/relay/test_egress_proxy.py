"""An account's egress proxy is its only way out."""

import msgspec

from common.domain.accounts import built_in_account_id, credential_name
from common.domain.credentials import Credential, written
from common.keyring import Keyring
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import CHAT, ask, capturing, stored_account

ANSWER = b'{"choices":[],"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}'
NOBODY = "http://127.0.0.1:9"


def proxied(provider_url, proxy_url, **fields):
    account = stored_account(provider_url, egress=proxy_url, **fields)
    credential = Credential(api_key="sk-behind-a-proxy", egress_proxy=proxy_url)
    sealed = Keyring("", INTERNAL_SECRET).seal(written(credential), credential_name(account.id))
    return msgspec.structs.replace(account, sealed_credential=sealed)


def test_an_account_is_asked_by_its_proxy(relay):
    with capturing(ANSWER) as (proxy_url, at_proxy):
        relay.project_accounts(proxied("http://provider.invalid", proxy_url))
        answer = relay.client.post(CHAT, json=ask("openai"))
    assert (answer.status_code, answer.content) == (200, ANSWER)
    ((path, headers, _),) = at_proxy
    assert path == "http://provider.invalid/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-behind-a-proxy"


def test_while_the_proxy_is_away_another_account_serves_and_nothing_goes_direct(relay, echo):
    with capturing(ANSWER) as (provider_url, at_provider):
        relay.project_accounts(proxied(provider_url, NOBODY))
        answer = relay.client.post(CHAT, json=ask("openai"))
    record = relay.record(answer.headers["x-request-id"])
    assert (record.attempts, record.account_id) == (2, built_in_account_id("openai"))
    assert at_provider == []
    assert len(echo.requests()) == 1


def test_an_account_that_is_shown_with_a_proxy_and_holds_none_serves_nothing(relay, echo):
    with capturing(ANSWER) as (provider_url, at_provider):
        account = stored_account(provider_url, egress="http://proxy:3128")
        relay.project_accounts(account)
        answer = relay.client.post(CHAT, json=ask("openai"))
    assert answer.status_code == 200
    assert (at_provider, len(echo.requests())) == ([], 1)
    (line,) = [one for one in relay.log_lines("account_sealed") if one["account_id"] == account.id]
    assert "egress proxy" in line["error"]


def test_files_go_out_by_the_proxy_too(relay):
    kept = b'{"object":"file","id":"file-behind-a-proxy"}'
    with capturing(kept) as (proxy_url, at_proxy):
        account = proxied("http://provider.invalid", proxy_url, priority=0)
        relay.project_accounts(account)
        answer = relay.client.post("/v1/files", files={"file": b"{}"}, data={"purpose": "batch"})
    assert (answer.status_code, answer.content) == (200, kept)
    assert [path for path, _, _ in at_proxy] == ["http://provider.invalid/v1/files"]
