"""The console's account pages over HTTP: making, changing, trying, deleting; and their API."""

import json
import socket
import threading

import pytest

from common.domain.account_presets import PRESETS
from common.domain.accounts import built_in_account_id
from common.identifiers import now_ms
from tests.support.admin_checks import UNKNOWN, problem
from tests.support.console import hidden_fields
from tests.support.key_admin import new_address
from tests.support.relay_process import PREFIX

ACCOUNTS = "/internal/accounts"
NEW = "/admin/accounts/new"
OPENAI = built_in_account_id("openai")
SECRET = "sk-planted-in-a-form"


@pytest.fixture(scope="module")
def admin_environment():
    return {"OPENAI_API_KEY": "sk-from-the-environment"}


def created(key_admin, **members):
    body = {"name": new_address(), "provider": "openai", "credential": {"api_key": SECRET}}
    answer = key_admin.call("POST", ACCOUNTS, json=body | members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def account_of(key_admin, answer):
    assert answer.status_code == 303, answer.text[-3000:]
    account_id = answer.headers["location"].partition("?")[0].rpartition("/")[2]
    return key_admin.get(f"{ACCOUNTS}/{account_id}").json()


def test_each_kind_has_a_form_with_what_it_needs(person):
    choice = person.get(NEW).text
    for preset in PRESETS:
        assert f'href="{NEW}/{preset.name}"' in choice
        form = person.get(f"{NEW}/{preset.name}")
        assert form.status_code == 200, preset.name
        has = {name for name in ("options.api_version", "options.project", "quirk.no_auth",
                                 "credential.service_account", "credential.access_key_id")
               if f'name="{name}"' in form.text}  # fmt: skip
        needs = {
            "azure_openai": {"options.api_version"},
            "vertex": {"options.project", "credential.service_account"},
            "bedrock": {"credential.access_key_id"},
            "openai_compatible": {"quirk.no_auth"},
        }
        assert has == needs.get(preset.provider, set()), preset.name
        assert f'value="{preset.base_url}"' in form.text
    assert person.get(f"{NEW}/nothing").status_code == 404


def test_an_account_is_added_once_and_its_credential_never_comes_back(person, key_admin):
    name = new_address()
    sent = hidden_fields(person.get(f"{NEW}/mistral").text) | {
        "name": name, "base_url": "https://api.mistral.ai/v1", "credential.api_key": SECRET,
        "quirk.max_tokens": "on", "models": "large = mistral-large-latest\nsmall",
        "priority": "10", "weight": "2", "max_concurrency": "7", "tags": "eu",
        "budgets[0].usd": "25", "budgets[0].period": "day", "budgets[0].policy": "deny",
        "limits.requests_per_minute": "60", "extra_headers": "x-team: search",
        "egress_proxy": "http://user:secret@proxy:3128",
    }  # fmt: skip
    made = account_of(key_admin, person.post(f"{NEW}/mistral", **sent))
    assert account_of(key_admin, person.post(f"{NEW}/mistral", **sent))["id"] == made["id"]
    assert (made["provider"], made["options"]["quirks"]) == ("openai_compatible", ["max_tokens"])
    assert made["models"] == {"large": "mistral-large-latest", "small": "small"}
    assert (made["priority"], made["weight"], made["max_concurrency"]) == (10, 2, 7)
    assert made["budgets"] == [{"period": "day", "usd": "25", "policy": "deny"}]
    assert (made["limits"]["requests_per_minute"], made["tags"]) == (60, ["eu"])
    assert (made["extra_headers"], made["egress_proxy"]) == (
        *({"x-team": "search"}, "http://proxy:3128"),
    )
    for path in (f"/admin/accounts/{made['id']}", f"/admin/accounts/{made['id']}/edit"):
        page = person.get(path)
        assert page.status_code == 200, page.text[-3000:]
        assert "mistral-large-latest" in page.text
        assert SECRET not in page.text
        assert "user:secret" not in page.text


def test_what_is_wrong_stands_beside_its_field_and_secrets_are_not_sent_back(person, key_admin):
    taken = created(key_admin)["name"]
    wrong = {"name": taken, "credential.api_key": SECRET, "priority": "first", "models": "a = b*",
             "extra_headers": "no colon"}  # fmt: skip
    answer = person.send(f"{NEW}/openai", **wrong)
    assert answer.status_code == 422
    for name in ("priority", "models", "extra_headers"):
        assert f'aria-describedby="{name}-about" aria-invalid="true"' in answer.text, name
    assert 'value="first"' in answer.text
    assert SECRET not in answer.text
    answer = person.send(f"{NEW}/openai", name=taken, **{"credential.api_key": SECRET})
    assert 'id="name-about"><strong>is taken already' in answer.text
    answer = person.send(f"{NEW}/vertex", name="v", **{"credential.service_account": "no JSON"})
    assert "must be the JSON of a service account" in answer.text
    answer = person.send(f"{NEW}/bedrock", name="b", **{"credential.access_key_id": "AKIA"})
    assert "is required beside access_key_id" in answer.text


def test_two_who_change_an_account_lose_nothing_and_a_blank_credential_stays(person, key_admin):
    account = created(key_admin, tags=["old"], egress_proxy="http://user:secret@proxy:3128")
    path = f"/admin/accounts/{account['id']}/edit"
    opened = hidden_fields(person.get(path).text)
    values = {"name": account["name"], "base_url": account["base_url"], "priority": "50",
              "weight": "1", "max_concurrency": "0", "tags": "old",
              "egress_proxy": "http://proxy:3128", "calendar.timezone": "UTC",
              "calendar.week_starts_on": "monday", "calendar.day_starts_at": "0"}  # fmt: skip
    key_admin.call("PATCH", f"{ACCOUNTS}/{account['id']}", json={"tags": ["theirs"]})
    refused = person.post(path, **opened, **(values | {"weight": "9"}))
    assert refused.status_code == 412
    assert "<ins>theirs</ins>" in refused.text
    again = hidden_fields(refused.text)
    answer = person.post(path, **again, **(values | {"weight": "9", "tags": "theirs"}))
    now = account_of(key_admin, answer)
    assert (now["weight"], now["tags"]) == (9, ["theirs"])
    (changed,) = key_admin.get("/internal/audit", subject_id=account["id"], limit=1).json()["items"]
    assert changed["detail"]["after"]["credential_changed"] is False
    other = person.send(path, **(values | {"weight": "9", "tags": "theirs"}),
                        **{"credential.api_key": "sk-other"})  # fmt: skip
    account_of(key_admin, other)
    (changed,) = key_admin.get("/internal/audit", subject_id=account["id"], limit=1).json()["items"]
    assert changed["detail"]["after"]["credential_changed"] is True


def test_another_address_asks_for_the_credential_at_its_field(person, key_admin):
    account = created(key_admin)
    path = f"/admin/accounts/{account['id']}/edit"
    values = {"name": account["name"], "priority": "50", "weight": "1", "max_concurrency": "0",
              "calendar.timezone": "UTC", "calendar.week_starts_on": "monday",
              "calendar.day_starts_at": "0", "base_url": "https://other.example/v1"}  # fmt: skip
    again = person.send(path, **values)
    assert again.status_code == 422
    assert 'id="credential.api_key-about"><strong>is required with another base_url' in again.text
    assert 'value="https://other.example/v1"' in again.text
    sent = hidden_fields(again.text) | values
    now = account_of(key_admin, person.post(path, **sent, **{"credential.api_key": SECRET}))
    assert now["base_url"] == "https://other.example/v1"


def test_an_account_is_switched_and_drained(person, key_admin):
    path = f"/admin/accounts/{created(key_admin)['id']}"
    states = []
    for act in ("disable", "drain", "enable", "undrain"):
        now = account_of(key_admin, person.send(path, to=f"{path}/{act}"))
        states.append((now["enabled"], now["schedulable"]))
        assert person.get(f"{path}?done={act}").status_code == 200
    assert states == [(False, True), (False, False), (True, False), (True, True)]


def test_what_is_in_use_is_not_deleted_and_says_by_whom(person, key_admin):
    account = created(key_admin)
    path = f"/admin/accounts/{account['id']}"
    named = f"{ACCOUNTS}/{account['id']}"
    gone = key_admin.created(name="a revoked one", account_id=account["id"])
    key_admin.call("DELETE", f"/internal/api-keys/{gone['id']}")
    key = key_admin.created(name="bound to it", account_id=account["id"])
    group = {"name": new_address(), "account_ids": [account["id"]]}
    group |= key_admin.call("POST", "/internal/groups", json=group).json()
    users = key_admin.get(f"{named}/users").json()["items"]
    assert [(one["kind"], one["id"], one["revoked"]) for one in users] == [
        ("group", group["id"], False), ("key", key["id"], False), ("key", gone["id"], True),
    ]  # fmt: skip
    detail = problem(key_admin.call("DELETE", named), 409)["detail"]
    assert group["name"] in detail
    assert "bound to it" in detail
    assert "a revoked one" not in detail
    page = person.get(f"{path}/delete").text
    assert f'href="/admin/keys/{key["id"]}"' in page
    assert '<button class="button danger"' not in page
    assert person.send(path, to=f"{path}/delete").status_code == 409
    key_admin.call("DELETE", f"/internal/groups/{group['id']}")
    key_admin.call("PATCH", f"/internal/api-keys/{key['id']}", json={"account_id": None})
    assert person.send(f"{path}/delete").status_code == 303
    problem(key_admin.get(named), 404)


def test_health_says_why_and_errors_stay_after_a_reset(person, key_admin):
    account_id = created(key_admin)["id"]
    path, since = f"/admin/accounts/{account_id}", now_ms()
    failure = {"at_ms": since, "reason": "upstream_credential", "status": 401, "count": 2}
    failure |= {"message": "Incorrect <API> key provided"}
    with key_admin.redis() as redis:
        state = f"{since + 900_000} 900000 0 {since} unauthorized -"
        redis.hset(f"{PREFIX}:cooldowns", account_id, state)
        redis.lpush(f"{PREFIX}:account-errors:{account_id}", json.dumps(failure))
    page = person.get(path).text
    assert "the provider refuses the credential" in page
    assert "Relay tries it every ten minutes" in page
    assert "Incorrect &lt;API&gt; key provided" in page
    assert person.send(path, to=f"{path}/reset").status_code == 303
    page = person.get(path).text
    assert "Relay tries it every ten minutes" not in page
    assert "Incorrect &lt;API&gt; key provided" in page
    (shown,) = key_admin.get(f"{ACCOUNTS}/{account_id}/errors").json()["items"]
    assert (shown["reason"], shown["status"], shown["count"]) == ("upstream_credential", 401, 2)
    problem(key_admin.get(f"{ACCOUNTS}/{UNKNOWN}/errors"), 404)
    assert key_admin.get(f"{ACCOUNTS}/{OPENAI}/errors").json() == {"items": []}


def test_a_built_in_account_is_read_only(person, key_admin):
    path = f"/admin/accounts/{OPENAI}"
    page = person.get(path).text
    assert "read-only here" in page
    assert f"{path}/edit" not in page
    assert person.get(f"{path}/edit").headers["location"] == path
    assert person.send(path, to=f"{path}/disable").status_code == 409
    assert person.send(f"{path}/delete").status_code == 409
    assert key_admin.get(f"{ACCOUNTS}/{OPENAI}").json()["enabled"] is True


def test_a_test_call_is_shown_whole_without_a_script(person, key_admin, echo):
    account = created(key_admin, base_url=f"{echo.url}/v1", models=["gpt-4o"])
    path = f"/admin/accounts/{account['id']}"
    answer = person.send(path, to=f"{path}/test", prompt="Say these words")
    assert answer.status_code == 200
    assert "It works." in answer.text
    assert f"{echo.url}/v1/chat/completions" in answer.text
    wrong = person.send(path, to=f"{path}/test", model="not served")
    assert wrong.status_code == 422
    assert 'aria-describedby="model-about" aria-invalid="true"' in wrong.text


def test_a_test_call_is_shown_as_it_comes(person, key_admin):
    """The provider says no more until the page has what it said."""
    seen = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        provider = threading.Thread(target=_answer_in_two, args=(listener, seen), daemon=True)
        provider.start()
        account = created(key_admin, base_url=f"http://127.0.0.1:{port}/v1", models=["m"])
        path = f"/admin/accounts/{account['id']}"
        with person.stream(path, to=f"{path}/test") as answer:
            got = ""
            for piece in answer.iter_text():
                got += piece
                if "first half" in got:
                    seen.set()
            assert answer.headers["x-accel-buffering"] == "no"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        provider.join(timeout=30)
    assert got.index("first half") < got.index("&lt;second&gt;") < got.index("It works.")
    assert all(line.startswith("<") for line in got.splitlines())


def _answer_in_two(listener, seen):
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        )
        for text in ("first half", "<second>"):
            event = {"choices": [{"delta": {"content": text}}]}
            connection.sendall(f"data: {json.dumps(event)}\n\n".encode())
            assert seen.wait(timeout=30)
