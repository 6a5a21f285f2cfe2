"""When an account may be asked."""

import pytest

from common.domain.accounts import AccountRecord
from common.domain.ids import encode_ulid
from common.domain.narrowing import narrowed_account
from common.domain.provider_addresses import default_base_url

END_MS = 1_764_000_000_000


def account(**fields):
    return AccountRecord("01A", "one", "openai", "http://x", **fields)


def request_at(moment_ms):
    return encode_ulid(moment_ms, bytes(10))


@pytest.mark.parametrize(("moment_ms", "serves"), [(END_MS - 1, True), (END_MS, False)])
def test_an_account_serves_until_its_end(moment_ms, serves):
    assert account(expires_at_ms=END_MS).may_serve(request_at(moment_ms)) is serves


def test_a_drained_account_serves_only_what_is_pinned_to_it():
    drained = account(schedulable=False)
    request = request_at(END_MS)
    assert not drained.may_serve(request)
    assert drained.may_serve(request, pinned=True)
    assert not account(schedulable=False, enabled=False).may_serve(request, pinned=True)


def test_an_end_and_a_drain_hold_before_their_commit_and_their_going_after_it():
    ends, drained = account(expires_at_ms=END_MS), account(schedulable=False)
    for old, new in ((account(), ends), (ends, account())):
        assert narrowed_account(old, new).expires_at_ms == END_MS
    for old, new in ((account(), drained), (drained, account())):
        assert narrowed_account(old, new).schedulable is False


@pytest.mark.parametrize(
    ("provider", "region", "address"),
    [
        ("bedrock", "cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("bedrock", "", None),
        ("vertex", "", "https://aiplatform.googleapis.com"),
        ("vertex", "us", "https://aiplatform.us.rep.googleapis.com"),
        ("vertex", "us-east5", "https://us-east5-aiplatform.googleapis.com"),
        ("azure_openai", "", None),
        ("openai_compatible", "", None),
    ],
)
def test_where_a_provider_is(provider, region, address):
    assert default_base_url(provider, region) == address
