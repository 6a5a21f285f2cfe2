"""What OpenAI, and whoever speaks its protocol, is sent."""

import pytest

from common.domain.accounts import Options
from common.domain.credentials import Credential
from common.providers import PROVIDERS
from common.providers.base import Ask, Call, own_target
from tests.support.provider_accounts import account_of

OPENAI = PROVIDERS["openai"]
COMPATIBLE = PROVIDERS["openai_compatible"]


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("chat.completions", "openai.chat"),
        ("responses", "openai.responses"),
        ("messages", "openai.chat"),
        ("gemini.stream", "openai.chat"),
        ("embeddings", "embeddings"),
        ("audio.speech", "audio.speech"),
        ("messages.count_tokens", None),
        ("messages.batches", None),
        ("gemini.embed", None),
    ],
)
def test_openai_is_asked_for_what_it_has(endpoint, target):
    assert OPENAI.target(account_of("openai", "https://o/v1"), endpoint, "m") == target


def test_the_caller_s_bytes_go_to_the_address_below_the_version():
    call = OPENAI.call(
        account_of("openai", "https://o/v1"), Ask("openai.chat", "m", b"{}", [("accept", "a")])
    )
    headers = [("accept", "a"), ("authorization", "Bearer sk-planted")]
    assert call == Call("POST", "https://o/v1/chat/completions", headers, b"{}", None)


def test_what_is_kept_is_read_by_its_path():
    ask = Ask("", "", path="/v1/responses/resp_1?include=a", method="GET")
    call = OPENAI.call(account_of("openai", "https://o/v1"), ask)
    assert (call.method, call.url) == ("GET", "https://o/v1/responses/resp_1?include=a")


def test_an_account_adds_headers_and_its_way_out():
    credential = Credential(api_key="k", egress_proxy="socks5://u:p@proxy:1080")
    account = account_of(
        "openai", "https://o/v1", credential, extra_headers={"x-team": "a", "accept": "b"}
    )
    call = OPENAI.call(account, Ask("openai.chat", "m", b"{}", [("accept", "a")]))
    assert call.proxy == "socks5://u:p@proxy:1080"
    assert call.headers == [("authorization", "Bearer k"), ("x-team", "a"), ("accept", "b")]
    assert "u:p" not in repr(account)
    assert "u:p" not in repr(account.credential)


@pytest.mark.parametrize("quirks", [(), ("responses",)])
def test_a_compatible_server_has_responses_if_its_account_says_so(quirks):
    account = account_of("openai_compatible", "http://v/v1", options=Options(quirks=quirks))
    own = own_target("responses") if quirks else "openai.chat"
    assert COMPATIBLE.target(account, "responses", "m") == own


def test_a_server_without_keys_is_sent_none():
    options = Options(quirks=("no_auth",))
    account = account_of("openai_compatible", "http://v/v1", Credential(), options=options)
    assert COMPATIBLE.call(account, Ask("openai.chat", "m", b"{}")).headers == []


def test_a_body_is_fitted_to_the_quirks_and_nothing_else_in_it_changes():
    options = Options(quirks=("max_tokens", "no_stream_options", "no_developer_role"))
    account = account_of("openai_compatible", "http://v/v1", options=options)
    body = (
        b'{ "messages":[{"role":"developer","content":"say \\"developer\\""}, {"role" : "user"}],'
        b' "n": 1.0, "max_completion_tokens": 7, "max_tokens": 9,'
        b' "stream_options":{"include_usage":true}}'
    )
    assert COMPATIBLE.call(account, Ask("openai.chat", "m", body)).body == (
        b'{ "messages":[{"role":"system","content":"say \\"developer\\""},{"role" : "user"}],'
        b' "n": 1.0, "max_tokens": 7}'
    )


def test_without_quirks_a_body_is_the_caller_s():
    body = b'{"messages":[{"role":"developer"}],"max_completion_tokens":7}'
    account = account_of("openai_compatible", "http://v/v1")
    assert COMPATIBLE.call(account, Ask("openai.chat", "m", body)).body is body
