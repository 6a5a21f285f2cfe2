"""The console over HTTP: who gets in, what its pages carry, and what its forms do."""

import re
from html import escape
from urllib.parse import quote

import pytest

from functions.key_admin.console.site import PAGES
from tests.support.console import Person, hidden_fields

FIRST_PAGE_BYTES_MAX = 150 * 1024


def test_nobody_gets_in_without_signing_in(key_admin):
    stranger = Person(key_admin)
    for path in ("/admin", "/admin/keys?search=x", "/admin/requests/export"):
        answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/admin/login?next=/admin")
    wrong = stranger.sign_in("a wrong key")
    assert wrong.status_code == 401
    assert "wrong" in wrong.text
    assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("target", ["https://evil.example/admin", "//evil.example", "/\\evil"])
def test_signing_in_leads_nowhere_else(key_admin, target):
    assert Person(key_admin).sign_in(target=target).headers["location"] == "/admin"


def test_every_list_is_shown_and_carries_nothing_inline(person, key_admin):
    key_id = key_admin.created(name='<script>alert("x")</script>', tags=["a&b"])["id"]
    lists = [page.pattern for page in PAGES if re.fullmatch(r"[\w/]*", page.pattern)]
    paths = [f"/admin/{one}".rstrip("/") for one in lists if one != "audit/export"]
    for path in [*paths, f"/admin/keys/{key_id}", f"/admin/keys/{key_id}/edit"]:
        answer = person.get(path)
        assert answer.status_code == 200, (path, answer.text[-3000:])
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.findall(r"<script(?! src=)[^>]*>|<style| style=| on\w+=", answer.text), path
        assert "<script>alert" not in answer.text, path


def test_the_first_page_is_small_and_assets_are_kept_for_ever(person):
    page = person.get("/admin")
    total = len(page.content)
    for path in set(re.findall(r'(?:href|src)="(/admin/assets/[^"]+)"', page.text)):
        asset = person.get(path)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
        total += int(asset.headers["content-length"])
        assert person.get(path, headers={"accept-encoding": "identity"}).text == asset.text
    assert total <= FIRST_PAGE_BYTES_MAX
    assert person.get("/admin/assets/console.0000000000000000.css").status_code == 404


def test_a_form_without_its_token_does_nothing(person, key_admin):
    answer = person.post("/admin/keys/new", name="forged")
    assert answer.status_code == 403
    assert key_admin.get("/internal/api-keys", search="forged").json()["items"] == []


def test_a_form_of_a_session_before_is_shown_again_and_sent_by_the_person(person, key_admin):
    stale = hidden_fields(person.get("/admin/keys/new").text) | {"name": "typed <before>"}
    stale |= {"tags": "a\nb"}
    person.sign_in()
    shown = person.post("/admin/keys/new", **stale)
    assert shown.status_code == 403
    assert "You signed in again meanwhile" in shown.text
    assert "typed &lt;before&gt;" in shown.text
    assert key_admin.get("/internal/api-keys", search="typed <before>").json()["items"] == []
    again = hidden_fields(shown.text)
    assert {name: again[name] for name in stale if name != "csrf_token"} == {
        name: text for name, text in stale.items() if name != "csrf_token"
    }
    assert 'id="secret"' in person.post("/admin/keys/new", **again).text
    (key,) = key_admin.get("/internal/api-keys", search="typed <before>").json()["items"]
    assert key["tags"] == ["a", "b"]


def test_a_form_without_a_session_waits_until_its_person_signed_in(person, key_admin):
    typed = {"name": "patient", "models": "m", "credential.api_key": "sk-secret"}
    path, somebody = "/admin/accounts/new/openai", Person(key_admin)
    over = somebody.post(path, **typed)
    assert over.status_code == 401
    assert 'href="/admin/login?next=/admin/accounts/new/openai"' in over.text
    kept = hidden_fields(over.text)
    # A secret is on no page: it is to be typed again. No token was given to nobody.
    assert kept == {"name": "patient", "models": "m", "credential.api_key": ""}
    assert "sk-secret" not in over.text
    somebody.sign_in()
    shown = somebody.post(path, **kept).text
    assert 'name="credential.api_key" type="password"' in shown
    made = somebody.post(path, **hidden_fields(shown), **{"credential.api_key": "sk-again"})
    assert made.status_code == 303
    account = made.headers["location"].partition("?")[0].removeprefix("/admin")
    assert key_admin.call("DELETE", f"/internal{account}").status_code == 204


def test_what_another_site_sends_is_not_shown_again(person, key_admin):
    for somebody in (person, Person(key_admin)):
        answer = somebody.post_from("https://evil.example", "/admin/keys/new", name="planted")
        assert (answer.status_code, "planted" in answer.text) == (403, False)


def test_a_key_is_made_once_and_shown_once(person, key_admin):
    page = person.get("/admin/keys/new").text
    sent = hidden_fields(page) | {"name": "from the console", "user_id": "carol"}
    sent |= {"budgets[0].usd": "25", "budgets[0].period": "month", "budgets[0].policy": "deny"}
    sent |= {"limits.requests_per_minute": "60", "models.allow": "gpt-*\nclaude-*"}
    made, again = person.post("/admin/keys/new", **sent), person.post("/admin/keys/new", **sent)
    secret = re.search(r'id="secret"[^>]*>([^<]+)<', made.text).group(1)
    assert secret in again.text
    (key,) = key_admin.get("/internal/api-keys", search="from the console").json()["items"]
    assert secret.startswith(key["key_prefix"])
    assert (key["limits"]["requests_per_minute"], key["models"]["allow"]) == (
        *(60, ["gpt-*", "claude-*"]),
    )
    assert key["budgets"] == [{"period": "month", "usd": "25", "policy": "deny"}]
    assert secret not in person.get(f"/admin/keys/{key['id']}").text


def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(person):
    answer = person.send(
        "/admin/keys/new",
        **{"name": "", "limits.requests_per_minute": "many", "budgets[0].usd": "1e9"},
        tags=f"good\n{'x' * 201}",
    )
    assert answer.status_code == 422
    for name in ("name", "limits.requests_per_minute", "budgets[0].usd", "tags"):
        assert f'aria-describedby="{name}-about" aria-invalid="true"' in answer.text
    # Above the form by the fields' labels, each a link to its field.
    for name, label, said in (
        ("limits.requests_per_minute", "Requests per minute", "must be a whole number"),
        ("budgets[0].usd", "Budget 1, USD", "must be an amount of USD"),
        ("tags", "Tags", "xxx"),
    ):
        assert re.search(rf'<a href="#{re.escape(name)}">{label}</a>: [^<]*{said}', answer.text), (
            name
        )
        assert f'id="{name}" name="{name}"' in answer.text
    assert 'value="many"' in answer.text
    assert 'value="1e9"' in answer.text


def test_figures_are_read_and_errors_said_in_german(person, key_admin):
    person.send("/admin/preferences", language="de", theme="auto", zone="UTC")
    typed = {"name": "auf Deutsch", "budgets[0].usd": "1.012,50", "limits.tokens_per_minute": "x"}
    typed |= {"budgets[0].period": "month", "budgets[0].policy": "deny"}
    wrong = person.send("/admin/keys/new", **typed)
    assert wrong.status_code == 422
    assert "Tokens pro Minute</a>: muss eine ganze Zahl sein" in wrong.text
    typed["limits.tokens_per_minute"] = "10.000"
    assert person.send("/admin/keys/new", **typed).status_code == 200
    (key,) = key_admin.get("/internal/api-keys", search="auf Deutsch").json()["items"]
    assert key["budgets"][0]["usd"] == "1012.50"
    assert key["limits"]["tokens_per_minute"] == 10_000


@pytest.mark.parametrize(
    ("path", "api", "given", "field"),
    [
        ("teams/new", "teams", {"name": "taken here"}, "name"),
        ("new-user", "users", {"id": "taken.here"}, "id"),
        ("routing/groups/new", "groups", {"name": "taken here", "account_ids": []}, "name"),
    ],
)
def test_what_is_taken_is_said_at_its_field(person, key_admin, path, api, given, field):
    key_admin.call("POST", f"/internal/{api}", json=given).raise_for_status()
    answer = person.send(f"/admin/{path}", **{field: given[field]})
    assert answer.status_code == 422
    assert f'aria-describedby="{field}-about" aria-invalid="true"' in answer.text
    assert answer.text.count("is taken already: choose another one") == 2
    assert "relayctl" not in answer.text


def test_an_alias_without_models_says_so_at_its_models(person):
    answer = person.send("/admin/routing/aliases/new", name="nothing", **{"rules[0].models": ""})
    assert answer.status_code == 422
    assert 'aria-describedby="rules[0].models-about" aria-invalid="true"' in answer.text
    assert answer.text.count("needs at least one model") == 2


def test_two_who_change_a_key_at_once_lose_nothing(person, key_admin):
    key = key_admin.created(name="shared", tags=["old"])
    path = f"/admin/keys/{key['id']}/edit"
    opened = hidden_fields(person.get(path).text)
    values = {"name": "shared", "tags": "old"}
    key_admin.call("PATCH", f"/internal/api-keys/{key['id']}", json={"tags": ["theirs"]})
    refused = person.post(path, **opened, **(values | {"name": "mine"}))
    assert refused.status_code == 412
    assert "<del>old</del>" in refused.text
    assert "<ins>theirs</ins>" in refused.text
    again = hidden_fields(refused.text)
    assert person.post(path, **again, name="mine", tags="theirs").status_code == 303
    now = key_admin.get(f"/internal/api-keys/{key['id']}").json()
    assert (now["name"], now["tags"]) == ("mine", ["theirs"])


def test_a_key_is_rotated_revoked_and_restored(person, key_admin):
    key = key_admin.created(name="to and fro")
    path = f"/admin/keys/{key['id']}"
    rotated = person.send(f"{path}/rotate", grace_s="3600")
    assert 'id="secret"' in rotated.text
    assert "A secret from before works until" in person.get(path).text
    statuses = []
    for act in ("revoke", "unbind", "restore"):
        assert person.send(f"{path}/{act}").status_code == 303
        statuses.append(key_admin.get(f"/internal/api-keys/{key['id']}").json()["status"])
    assert statuses == ["revoked", "revoked", "active"]
    # A tab that was opened before it was revoked.
    asked = person.get(f"{path}/rotate").text
    key_admin.call("POST", f"/internal/api-keys/{key['id']}/revoke")
    for form in ("edit", "routing"):
        opened = person.get(f"{path}/{form}")
        assert opened.headers["location"] == f"{path}?done=restore_first"
    refused = person.post(f"{path}/rotate", **hidden_fields(asked), grace_s="0")
    assert refused.status_code == 409
    assert f'restore it first. <a href="{path}">' in refused.text


def test_htmx_gets_the_region_alone(person):
    for path in ("keys", "overview/live"):
        part = person.get(f"/admin/{path}", headers={"hx-request": "true"})
        assert part.status_code == 200
        assert "<html" not in part.text
    assert "RPM" in part.text


def test_the_audit_log_says_what_was_changed(person, key_admin):
    key = key_admin.created(name="watched")
    key_admin.call("PATCH", f"/internal/api-keys/{key['id']}", json={"name": "renamed"})
    page = person.get("/admin/audit", params={"subject_id": key["id"]}).text
    assert "key.update" in page
    assert "<del>watched</del>" in page
    assert "<ins>renamed</ins>" in page


def test_a_team_is_made_changed_and_deleted_unless_it_is_in_use(person, key_admin):
    budget = {"budgets[0].usd": "10", "budgets[0].period": "day", "budgets[0].policy": "soft"}
    made = person.send("/admin/teams/new", name="blue", **budget)
    path = made.headers["location"].partition("?")[0]
    assert "blue" in person.get(path).text
    team_id = path.rpartition("/")[2]
    twice = person.send("/admin/teams/new", name="blue")
    assert twice.status_code == 422
    assert "blue" in twice.text
    edit = person.get(f"{path}/edit").text
    sent = {
        **hidden_fields(edit),
        "name": "blue",
        "description": "the sea",
        "price_multiplier": "1",
    }
    assert person.post(f"{path}/edit", **sent).status_code == 303
    key_id = key_admin.created(team_id=team_id)["id"]
    refused = person.send(f"{path}/delete")
    assert refused.status_code == 409
    assert f'<a href="/admin/keys/{key_id}">' in refused.text
    key_admin.call("PATCH", f"/internal/api-keys/{key_id}", json={"team_id": None})
    assert person.send(f"{path}/delete").status_code == 303


def test_users_are_found_and_their_keys_shown(person, key_admin):
    key_id = key_admin.created(user_id="zoë/of keys")["id"]
    nobody = person.get("/admin/users", params={"search": "nobody's"}).text
    assert ("No user matches" in nobody, "Clear filters" in nobody) == (True, True)
    found = person.get("/admin/users", params={"search": "OF KEYS"}).text
    assert 'href="/admin/users/zo%C3%AB%2Fof%20keys"' in found
    shown = person.get("/admin/users/zo%C3%AB%2Fof%20keys").text
    assert 'href="/admin/keys?user_id=zo%C3%AB%2Fof+keys"' in shown
    keys = person.get("/admin/keys", params={"user_id": "zoë/of keys"}).text
    assert (key_id in keys, keys.count('name="k"')) == (True, 1)


@pytest.mark.parametrize("user_id", ["a/edit", "a/delete", "new", "100%/%2F", "é ?#&"])
def test_a_users_id_is_anything_and_never_another_ones_page(person, key_admin, user_id):
    for one in ("a", user_id):
        key_admin.call("POST", "/internal/users", json={"id": one, "name": f"Named {one}"})
    path = f"/admin/users/{quote(user_id, safe='')}"
    assert f'href="{path}"' in person.get("/admin/users").text
    heading = "<h1>{}</h1>".format(escape(f"Named {user_id}"))
    assert heading in person.get(path).text
    assert person.send(f"{path}/edit", name="changed").headers["location"] == f"{path}?done=saved"
    names = {one["id"]: one["name"] for one in key_admin.get("/internal/users").json()["items"]}
    assert (names["a"], names[user_id]) == ("Named a", "changed")
    assert "“changed”" in person.get(f"{path}/delete").text
    assert person.send(f"{path}/delete").status_code == 303
    left = [one["id"] for one in key_admin.get("/internal/users").json()["items"]]
    assert "a" in left
    assert user_id not in left


def test_what_no_address_can_name_is_no_users_id(person, key_admin):
    for one in (".", ".."):
        refused = person.send("/admin/new-user", id=one)
        assert refused.status_code == 422
        assert 'aria-describedby="id-about" aria-invalid' in refused.text
        refused = key_admin.create(user_id=one)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "user_id")
    alias = person.send("/admin/routing/aliases/new", name="..", **{"rules[0].models": "m"})
    assert alias.status_code == 422
    assert 'aria-describedby="name-about" aria-invalid' in alias.text


def test_an_alias_is_anything_and_never_another_page(person, key_admin):
    name = "fast/edit"
    rules = {"rules": [{"models": {"gpt-5": 1}}]}
    path = f"/internal/aliases/{quote(name, safe='')}"
    assert key_admin.call("PUT", path, json=rules).status_code == 200
    address = "/admin/routing/aliases/fast%2Fedit/edit"
    assert f'href="{address}"' in person.get("/admin/routing/aliases").text
    assert "<h1>fast/edit</h1>" in person.get(address).text
    assert person.send("/admin/routing/aliases/fast%2Fedit/delete").status_code == 303
    assert key_admin.get(path).status_code == 404


def test_nobody_is_offered_a_form_that_is_not_theirs(key_admin):
    team_id = key_admin.call("POST", "/internal/teams", json={"name": "theirs"}).json()["id"]
    key_id = key_admin.created(team_id=team_id)["id"]
    rules = {"rules": [{"models": {"gpt-5": 1}}]}
    assert key_admin.call("PUT", "/internal/aliases/read", json=rules).status_code == 200
    viewer, team_admin = Person(key_admin), Person(key_admin)
    viewer.is_of_role("viewer")
    team_admin.is_of_role("team_admin", team_id)
    for path in ("keys/new", "teams/new", "new-user", "prices/import", "accounts/new"):
        assert viewer.get(f"/admin/{path}").status_code == 403, path
    read_only = [(viewer, "routing/aliases/read/edit"), (viewer, f"teams/{team_id}/routing")]
    read_only += [(one, f"keys/{key_id}/routing") for one in (viewer, team_admin)]
    for somebody, path in read_only:
        page = somebody.get(f"/admin/{path}")
        assert page.status_code == 200, path
        main = page.text.partition("<main")[2]
        assert "<fieldset disabled" in main, path
        assert "<button" not in main, path
    for path in ("routing/groups", "users"):
        assert "/new" not in viewer.get(f"/admin/{path}").text.partition("<main")[2], path
    assert key_admin.call("DELETE", "/internal/aliases/read").status_code == 204


def test_preferences_are_kept(person):
    sent = person.send("/admin/preferences", theme="dark", language="de", zone="Europe/Berlin")
    assert sent.status_code == 303
    page = person.get("/admin/keys").text
    assert '<html lang="de" data-theme="dark">' in page
    assert "Neuer Schlüssel" in page
    wrong = person.send("/admin/preferences", theme="dark", language="en", zone="Mars/Base")
    assert wrong.status_code == 422
    assert wrong.text.count('aria-invalid="true"') == 1
    assert '<html lang="de"' in person.get("/admin/keys").text


def test_who_is_signed_in_is_not_asked_again(person):
    for query, place in (("", "/admin"), ("?next=/admin/keys", "/admin/keys")):
        answer = person.get(f"/admin/login{query}")
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert person.get("/admin/login?error=no_team").status_code == 200


def test_a_whole_secret_stays_in_no_address(person, key_admin):
    secret = key_admin.created()["key"]
    answer = person.get("/admin/keys", params={"search": secret, "status": "active"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/admin/keys?search={secret[:11]}&status=active"


def test_errors_are_pages(person):
    missing = person.get("/admin/nowhere")
    assert missing.status_code == 404
    assert "text/html" in missing.headers["content-type"]
    assert person.get("/admin/keys/01ARYZ6S41TSV4RRFFQ69G5FAW").status_code == 404
