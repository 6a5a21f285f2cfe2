"""What a process remembers of keys and accounts."""

import msgspec
import pytest

from common.domain.accounts import AccountRecord, credential_name
from common.domain.admission import Stale
from common.domain.content_rules import ContentRules
from common.domain.credentials import Credential
from common.domain.keys import KeyRecord
from common.domain.policies import Limits, Policy
from common.environment_accounts import BuiltInAccount
from common.keyring import Keyring
from functions.relay.snapshots import Snapshots

TEAM, OTHER = "01ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAW"
SECRET = "a secret of the tests, 32 characters"
BUILT_IN = BuiltInAccount("openai", "https://b", Credential(api_key="sk-b"))
KEYRING = Keyring("", SECRET)
KEY = msgspec.json.encode(KeyRecord(id="k", user_id="alice", version=1))


def record(base_url, credential):
    sealed = KEYRING.seal(credential, credential_name("a"))
    return AccountRecord("a", "one", "openai", base_url, sealed_credential=sealed)


def taken(snapshots, version, *accounts):
    snapshots.update("h", Stale(version, KEY, version, msgspec.json.encode(accounts)))
    return snapshots.accounts


def test_an_account_and_its_credential_are_one_value():
    snapshots = Snapshots((BUILT_IN,), KEYRING)
    (built_in, before) = taken(snapshots, 1, record("https://old", "sk-old"))
    (_, after) = taken(snapshots, 2, record("https://new", "sk-new"))
    pairs = [(one.base_url, one.credential.api_key) for one in (built_in, before, after)]
    assert pairs == [("https://b", "sk-b"), ("https://old", "sk-old"), ("https://new", "sk-new")]


def test_a_credential_is_in_no_text_of_the_account():
    snapshots = Snapshots((BUILT_IN,), KEYRING)
    for account in taken(snapshots, 1, record("https://old", "sk-old")):
        assert "sk-" not in repr(account) + str(account) + repr([account])


def test_an_account_whose_credential_does_not_open_is_left_out():
    other = AccountRecord("a", "one", "openai", "https://o", sealed_credential="v1:x:y")
    assert taken(Snapshots((), KEYRING), 1, other) == []


@pytest.mark.parametrize(
    "newer", [{"provider": "of_tomorrow"}, {"options": {"quirks": ["of_tomorrow"]}}]
)
def test_an_account_that_only_a_newer_release_can_ask_leaves_the_others_in_service(newer):
    known = record("https://old", "sk-old")
    unknown = msgspec.to_builtins(record("https://new", "sk-new")) | {"id": "b"} | newer
    (left,) = taken(Snapshots((), KEYRING), 1, unknown, known)
    assert (left.id, left.base_url) == ("a", "https://old")


def test_a_key_is_forgotten():
    snapshots = Snapshots((), KEYRING)
    taken(snapshots, 1)
    assert snapshots.key("h") is not None
    snapshots.forget("h")
    snapshots.forget("h")
    assert snapshots.key("h") is None


def test_a_request_that_came_before_a_change_leaves_no_old_limits_behind():
    def limited(most):
        policy = Policy(Limits(requests_per_minute=most))
        return msgspec.structs.replace(record("https://a", "sk-a"), policy=policy)

    def most(account):
        (limit,) = snapshots.rules_of(account, 0).limits
        return limit.rule.most

    snapshots = Snapshots((), KEYRING)
    (before,) = taken(snapshots, 1, limited(100))
    (after,) = taken(snapshots, 2, limited(5))
    assert [most(before), most(after), most(before), most(after)] == [100, 5, 100, 5]


def test_what_levels_say_of_content_is_nearest_first_and_one_object_for_all_keys():
    def told(redaction):
        return Policy(content=ContentRules(redaction={"entities": {redaction: "mask"}}))

    def stale(key_id, own, *levels):
        key = KeyRecord(id=key_id, user_id="alice", team_id=TEAM, policy=own)
        policies = tuple(b"" if one is None else msgspec.json.encode(one) for one in levels)
        return Stale(1, msgspec.json.encode(key), 0, b"[]", policies)

    snapshots = Snapshots((), KEYRING)
    first = snapshots.update("h", stale(TEAM, told("IBAN"), told("CONTACT"), told("JWT"), None))
    names = [[*one.redaction["entities"]] for one in first.content]
    assert names == [["IBAN"], ["JWT"], ["CONTACT"]]
    # A level that says nothing is not there; what a relay compiles from the others is made once.
    second = snapshots.update("i", stale(OTHER, Policy(), told("CONTACT"), None, None))
    assert len(second.content) == 1
    assert second.content[0] is first.content[2]
    assert snapshots.update("j", stale(OTHER, Policy(Limits(1)), None, None, None)).content == ()


def test_rules_of_content_that_nobody_has_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr("functions.relay.snapshots.CONTENT_MAX", 2)
    snapshots = Snapshots((), KEYRING)

    def said(size):
        own = Policy(content=ContentRules(content_policy={"input_characters_max": size}))
        key = KeyRecord(id=TEAM, user_id="alice", policy=own)
        (rules,) = snapshots.update("h", Stale(1, msgspec.json.encode(key), 0, b"[]")).content
        return rules

    first, _ = said(1), said(2)
    assert said(1) is first
    said(3)
    # The one that was asked for last stayed.
    assert said(1) is first
    said(4), said(5)
    assert said(1) is not first
