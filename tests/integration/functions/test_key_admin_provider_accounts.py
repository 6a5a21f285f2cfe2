"""Accounts of all providers over HTTP: what each takes, and what is kept of it."""

import base64
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from common.accounts import opened_account
from common.domain.accounts import AccountRecord, credential_name
from common.domain.ids import ulid_to_uuid
from common.keyring import Keyring
from functions.key_admin.api.account_calls import TESTS_A_MINUTE
from functions.key_admin.models.account_calls import AccountTest
from tests.support.admin_checks import assert_nowhere, fields, problem
from tests.support.key_admin import new_address
from tests.support.processes import INTERNAL_SECRET

ACCOUNTS = "/internal/accounts"
NOBODY = "http://127.0.0.1:9/v1"
SECRET = "sk-planted-in-accounts-of-providers"
OLD, NEW = ("old", b"an older encryption key, 32 long."[:32]), ("new", b"n" * 32)
KEYRING = Keyring([NEW], INTERNAL_SECRET)
PEM = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)
KEY_FILE = {
    "type": "service_account", "project_id": "p1", "private_key_id": "kid-1", "private_key": PEM,
    "client_email": "relay@p1.iam.gserviceaccount.com", "client_id": "1",
    "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip
API_KEY = {"api_key": SECRET}
ACCESS_KEY = {"access_key_id": "AKIA1", "secret_access_key": SECRET, "session_token": "s1"}


@pytest.fixture(scope="module")
def admin_environment():
    keys = (f"{name}:{base64.b64encode(key).decode()}" for name, key in (NEW, OLD))
    return {"RELAY_ENCRYPTION_KEYS": ",".join(keys)}


def post(key_admin, provider, credential, **members):
    body = {"name": new_address(), "provider": provider, "credential": credential}
    return key_admin.call("POST", ACCOUNTS, json=body | members)


def created(key_admin, provider, credential, **members):
    answer = post(key_admin, provider, credential, **members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def patched(key_admin, account, **members):
    answer = key_admin.call("PATCH", f"{ACCOUNTS}/{account['id']}", json=members)
    assert answer.status_code == 200, answer.text
    return answer.json()


def projected(key_admin, account):
    """What a relay makes of the account."""
    with key_admin.redis() as connection:
        found = connection.hgetall("{relay}:accounts")
    records = msgspec.json.decode(found["r"], type=list[AccountRecord])
    (record,) = (one for one in records if one.id == account["id"])
    return opened_account(record, KEYRING)


def seal_by(key_admin, account, key, plain):
    """As if it had been sealed when that key was the current one."""
    sealed = Keyring([key], INTERNAL_SECRET).seal(plain, credential_name(account["id"]))
    key_admin.rows(
        "UPDATE accounts SET credential = %s WHERE id = %s", sealed, ulid_to_uuid(account["id"])
    )


@pytest.mark.parametrize(
    ("provider", "credential", "members", "address"),
    [
        ("gemini", API_KEY, {}, "https://generativelanguage.googleapis.com"),
        ("bedrock", API_KEY, {"region": "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("bedrock", ACCESS_KEY, {"region": "us-east-1", "base_url": "http://vpc"}, "http://vpc"),
        ("vertex", {"service_account": KEY_FILE}, {}, "https://aiplatform.googleapis.com"),
        ("vertex", {"service_account": KEY_FILE}, {"region": "eu"}, "https://aiplatform.eu.rep.googleapis.com"),
        (
            "azure_openai", API_KEY,
            {"base_url": "https://r.openai.azure.com", "options": {"api_version": "2024-10-21"}},
            "https://r.openai.azure.com",
        ),
        (
            "openai_compatible", {},
            {"base_url": "http://v/v1", "options": {"quirks": ["no_auth", "max_tokens"]}},
            "http://v/v1",
        ),
    ],
)  # fmt: skip
def test_each_provider_is_kept_as_it_was_sent(key_admin, provider, credential, members, address):
    made = created(key_admin, provider, credential, **members)
    assert made["base_url"] == address
    assert made["region"] == members.get("region", "")
    empty = {"api_version": "", "project": "", "quirks": []}
    assert made["options"] == empty | members.get("options", {})
    opened = projected(key_admin, made)
    assert (opened.base_url, opened.provider) == (address, provider)
    kept = {name: getattr(opened.credential, name) for name in credential}
    if provider == "vertex":
        assert kept.pop("service_account").private_key == PEM
        credential = {}
    assert kept == credential


def test_what_routing_and_egress_need_is_kept(key_admin):
    end = datetime.now(UTC) + timedelta(days=1)
    given = {
        "region": "eu", "tags": ["gold", "eu"], "schedulable": False,
        "extra_headers": {"x-team": "a"},
    }  # fmt: skip
    made = created(
        key_admin, "openai", API_KEY, **given | {"tags": ["gold", "eu", "gold"]},
        expires_at=end.isoformat(), egress_proxy="socks5://u:planted-password@10.0.0.1:1080",
    )  # fmt: skip
    assert {name: made[name] for name in given} == given
    assert made["egress_proxy"] == "socks5://10.0.0.1:1080"
    assert datetime.fromisoformat(made["expires_at"]) == end.replace(
        microsecond=end.microsecond // 1000 * 1000
    )
    account = projected(key_admin, made)
    assert (account.tags, account.schedulable) == (["gold", "eu"], False)
    assert account.expires_at_ms == int(end.timestamp() * 1000)
    assert account.credential.egress_proxy == "socks5://u:planted-password@10.0.0.1:1080"
    assert account.credential.api_key == SECRET
    assert_nowhere(key_admin, SECRET, "planted-password")
    emptied = patched(key_admin, made, expires_at=None, egress_proxy=None, schedulable=True)
    assert (emptied["expires_at"], emptied["egress_proxy"]) == (None, None)
    account = projected(key_admin, made)
    assert (account.credential.egress_proxy, account.credential.api_key) == ("", SECRET)


def test_another_credential_leaves_the_way_out_and_the_other_way_round(key_admin):
    made = created(key_admin, "openai", API_KEY, egress_proxy="http://one:3128")
    patched(key_admin, made, credential={"api_key": "sk-other"})
    credential = projected(key_admin, made).credential
    assert (credential.api_key, credential.egress_proxy) == ("sk-other", "http://one:3128")
    assert patched(key_admin, made, egress_proxy="http://two:3128")["egress_proxy"] == (
        "http://two:3128"
    )
    credential = projected(key_admin, made).credential
    assert (credential.api_key, credential.egress_proxy) == ("sk-other", "http://two:3128")


@pytest.mark.parametrize(
    ("provider", "credential", "members", "elsewhere", "there"),
    [
        ("openai", API_KEY, {}, "https://evil.example/v1", "https://api.openai.com/v2"),
        ("openai", API_KEY, {}, "http://api.openai.com/v1", "https://API.openai.com:443"),
        ("bedrock", ACCESS_KEY, {"region": "eu-west-1"}, "https://vpc.example",
         "https://bedrock-runtime.eu-west-1.amazonaws.com/x"),
        ("vertex", {"service_account": KEY_FILE}, {}, "https://evil.example",
         "https://aiplatform.googleapis.com/x"),
    ],
)  # fmt: skip
def test_a_credential_is_not_sent_to_another_address_than_it_was_given_for(
    key_admin, provider, credential, members, elsewhere, there
):
    made = created(key_admin, provider, credential, **members)
    path = f"{ACCOUNTS}/{made['id']}"
    refused = key_admin.call("PATCH", path, json={"base_url": elsewhere, "priority": 3})
    assert fields(refused) == ["credential"]
    assert "required with another base_url" in refused.text
    assert key_admin.get(path).json() == made
    assert patched(key_admin, made, base_url=there)["base_url"] == there.rstrip("/")
    assert patched(key_admin, made, base_url=elsewhere, credential=credential)
    assert projected(key_admin, made).base_url == elsewhere


def test_a_credential_is_not_read_by_another_proxy_than_it_was_given_for(key_admin):
    way_out, other = "http://one:3128", "http://two:3128"
    compatible = {"base_url": "http://v/v1", "egress_proxy": way_out}
    made = created(key_admin, "openai_compatible", API_KEY, **compatible)
    path = f"{ACCOUNTS}/{made['id']}"
    refused = key_admin.call("PATCH", path, json={"egress_proxy": other})
    assert fields(refused) == ["credential"]
    assert "another egress_proxy" in refused.text
    patched(key_admin, made, egress_proxy=way_out, base_url="http://v/v2")
    patched(key_admin, made, egress_proxy=other, credential=API_KEY)
    assert patched(key_admin, made, egress_proxy=None)["egress_proxy"] is None


def test_what_has_no_credential_goes_anywhere(key_admin):
    members = {"base_url": "http://v/v1", "options": {"quirks": ["no_auth"]}}
    made = created(key_admin, "openai_compatible", {}, egress_proxy="http://u:p@one:1", **members)
    assert patched(key_admin, made, base_url="http://w/v1", egress_proxy="http://two:1")


def test_an_address_follows_its_region_unless_it_is_its_own(key_admin):
    made = created(key_admin, "bedrock", API_KEY, region="eu-west-1")
    moved = patched(key_admin, made, region="us-east-1")
    assert moved["base_url"] == "https://bedrock-runtime.us-east-1.amazonaws.com"
    vpc = {"base_url": "http://vpc", "credential": API_KEY}
    assert patched(key_admin, made, **vpc)["region"] == "us-east-1"
    assert patched(key_admin, made, region="eu-west-1")["base_url"] == "http://vpc"


@pytest.mark.parametrize(
    ("provider", "credential", "members", "field"),
    [
        ("openai", ACCESS_KEY, {}, "credential.access_key_id"),
        ("openai", {"api_key": '{"type":"service_account"}'}, {}, "credential.api_key"),
        ("gemini", {}, {}, "credential.api_key"),
        ("bedrock", API_KEY, {}, "region"),
        ("bedrock", {}, {"region": "eu-west-1"}, "credential.api_key"),
        ("bedrock", {"access_key_id": "a"}, {"region": "e"}, "credential.secret_access_key"),
        ("bedrock", ACCESS_KEY | API_KEY, {"region": "e"}, "credential.api_key"),
        ("vertex", API_KEY, {}, "credential.api_key"),
        ("vertex", {}, {}, "credential.service_account"),
        (
            "vertex", {"service_account": KEY_FILE | {"type": "authorized_user"}}, {},
            "credential.service_account.type",
        ),
        (
            "vertex", {"service_account": KEY_FILE | {"private_key": "x"}}, {},
            "credential.service_account.private_key",
        ),
        (
            "vertex", {"service_account": KEY_FILE | {"token_uri": "http://169.254.169.254/"}}, {},
            "credential.service_account.token_uri",
        ),
        ("azure_openai", API_KEY, {}, "base_url"),
        ("openai", API_KEY, {"options": {"quirks": ["max_tokens"]}}, "options.quirks"),
        ("openai", API_KEY, {"options": {"api_version": "2024-10-21"}}, "options.api_version"),
        ("gemini", API_KEY, {"options": {"project": "p"}}, "options.project"),
        ("openai_compatible", {}, {"base_url": "http://v"}, "credential.api_key"),
        ("openai", API_KEY, {"region": "EU"}, "region"),
        ("openai", API_KEY, {"tags": [""]}, "tags[0]"),
        ("openai", API_KEY, {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ("openai", API_KEY, {"egress_proxy": "ftp://x"}, "egress_proxy"),
        ("openai", API_KEY, {"egress_proxy": "http://"}, "egress_proxy"),
        ("openai", API_KEY, {"egress_proxy": "http://x:99999"}, "egress_proxy"),
        ("openai", API_KEY, {"egress_proxy": "http://x/path"}, "egress_proxy"),
        ("openai", API_KEY, {"egress_proxy": "http://169.254.169.254:80"}, "egress_proxy"),
        ("openai", API_KEY, {"extra_headers": {"Authorization": "x"}}, "extra_headers"),
        ("openai", API_KEY, {"extra_headers": {"x-amz-date": "x"}}, "extra_headers"),
        ("openai", API_KEY, {"extra_headers": {"a b": "x"}}, "extra_headers"),
        ("openai", API_KEY, {"extra_headers": {"x-a": "x\r\ny: z"}}, "extra_headers"),
        ("openai", API_KEY, {"extra_headers": {"X-A": "1", "x-a": "2"}}, "extra_headers"),
    ],
)  # fmt: skip
def test_what_a_provider_does_not_take_is_named(key_admin, provider, credential, members, field):
    answer = post(key_admin, provider, credential, **members)
    assert fields(answer) == [field]
    assert SECRET not in answer.text


def test_a_way_out_that_cannot_be_opened_is_said(key_admin):
    made = created(key_admin, "openai", API_KEY, egress_proxy="http://one:3128")
    seal_by(key_admin, made, ("lost", b"k" * 32), "x")
    answer = key_admin.call("PATCH", f"{ACCOUNTS}/{made['id']}", json={"credential": API_KEY})
    assert "'lost'" in problem(answer, 409)["detail"]
    patched(key_admin, made, credential=API_KEY, egress_proxy="http://two:3128")
    assert projected(key_admin, made).credential.egress_proxy == "http://two:3128"


def test_credentials_are_sealed_anew_by_the_current_key(key_admin):
    key_admin.rows("DELETE FROM accounts")
    made, lost = (created(key_admin, "openai", API_KEY) for _ in range(2))
    untouched = created(key_admin, "openai", API_KEY)
    seal_by(key_admin, made, OLD, SECRET)
    seal_by(key_admin, lost, ("lost", b"k" * 32), SECRET)
    answer = key_admin.call("POST", f"{ACCOUNTS}/rewrap")
    assert (answer.status_code, answer.json()["key_id"]) == (200, "new")
    assert answer.json()["rewrapped"] == [made["id"]]
    (failed,) = answer.json()["failed"]
    assert failed["id"] == lost["id"]
    assert "sealed by the key 'lost', which is not there" in failed["error"]
    # The keyring of this file has the new key alone.
    assert projected(key_admin, made).credential.api_key == SECRET
    shown = key_admin.get(f"{ACCOUNTS}/{made['id']}").json()
    assert shown == made | {"updated_at": shown["updated_at"]}
    assert key_admin.get(f"{ACCOUNTS}/{untouched['id']}").json() == untouched
    (row,) = key_admin.rows("SELECT * FROM audit WHERE action = 'account.rewrap'")
    assert row["detail"]["after"] == {"rewrapped": [made["id"]], "key_id": "new"}
    assert key_admin.call("POST", f"{ACCOUNTS}/rewrap").json()["rewrapped"] == []


def test_one_person_makes_so_many_test_calls_a_minute(key_admin):
    made = created(key_admin, "openai", API_KEY, base_url=NOBODY, models={"b": "c"})
    path = f"{ACCOUNTS}/{made['id']}/test"
    assert key_admin.call("POST", path).status_code == 200
    with key_admin.redis() as redis:
        (key,) = redis.scan_iter("{relay}:account-tests:*")
        assert 0 < redis.pttl(key) <= 60_000
        redis.set(key, TESTS_A_MINUTE - 1, keepttl=True)
    assert key_admin.call("POST", path).status_code == 200
    refused = key_admin.call("POST", path)
    problem(refused, 429)
    assert 0 < int(refused.headers["retry-after"]) <= 60
    rows = key_admin.rows("SELECT 1 FROM audit WHERE subject_id = %s", made["id"])
    assert len(rows) == 3  # made, and two tests
    # What another one asks is another count.
    token = key_admin.call(
        "POST", "/internal/service-accounts", json={"name": new_address(), "role": "operator"}
    ).json()["token"]
    assert key_admin.call("POST", path, authorization=f"Bearer {token}").status_code == 200


def test_a_test_call_streams_its_steps(key_admin):
    base_url = "http://127.0.0.1:9/v1"
    made = created(key_admin, "openai", API_KEY, base_url=base_url, models={"a*": "a*", "b": "c"})
    answer = key_admin.call("POST", f"{ACCOUNTS}/{made['id']}/test")
    assert answer.headers["content-type"] == "application/x-ndjson"
    asked, failed, done = (json.loads(line) for line in answer.text.splitlines())
    assert (asked["model"], asked["format"]) == ("c", "openai.chat")
    assert "could not be reached" in failed["message"]
    assert (done["event"], done["ok"]) == ("done", False)
    (row,) = key_admin.rows("SELECT detail FROM audit WHERE action = 'account.test' "
                            "AND subject_id = %s", made["id"])  # fmt: skip
    prompt = AccountTest().prompt
    asked_for = {"model": "c", "prompt_characters": len(prompt), "max_tokens": 64}
    assert row["detail"]["after"] == asked_for
    assert prompt not in str(row)
    other = key_admin.call("POST", f"{ACCOUNTS}/{made['id']}/test", json={"model": "x"})
    assert fields(other) == ["model"]
    problem(key_admin.call("POST", f"{ACCOUNTS}/01ARYZ6S41TSV4RRFFQ69G5FAW/test"), 404)
    any_model = created(key_admin, "openai", API_KEY, base_url=base_url)
    assert fields(key_admin.call("POST", f"{ACCOUNTS}/{any_model['id']}/test")) == ["model"]
    seal_by(key_admin, made, ("lost", b"k" * 32), SECRET)
    sealed = key_admin.call("POST", f"{ACCOUNTS}/{made['id']}/test")
    assert "'lost'" in problem(sealed, 409)["detail"]
    assert_nowhere(key_admin, SECRET)
