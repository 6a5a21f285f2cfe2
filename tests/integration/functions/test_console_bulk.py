"""Many keys in the console: made of names and of a table, changed after a look, revoked."""

import re

from tests.support.console import hidden_fields
from tests.support.key_admin import KEYS


def test_keys_are_made_of_names_and_what_is_wrong_stands_at_its_field(person, key_admin):
    wrong = {"names": "console one, dora\nconsole two", "limits.requests_per_minute": "many"}
    again = person.send("/admin/keys/bulk", **wrong)
    assert again.status_code == 422
    assert 'value="many"' in again.text
    assert "console one, dora\nconsole two" in again.text
    assert key_admin.get(KEYS, search="console one").json()["items"] == []
    page = person.get("/admin/keys/bulk").text
    sent = hidden_fields(page) | wrong | {"limits.requests_per_minute": "9", "tags": "a\nb"}
    made = person.post("/admin/keys/bulk", **sent)
    assert made.status_code == 200, made.text
    secrets = re.findall(r"<code>(cr_[\w-]+)</code>", made.text)
    assert len(secrets) == 2
    assert re.findall(
        r"<code>(cr_[\w-]+)</code>", person.post("/admin/keys/bulk", **sent).text
    ) == (secrets)
    (key,) = key_admin.get(KEYS, user_id="dora").json()["items"]
    assert (key["tags"], key["limits"]["requests_per_minute"]) == (["a", "b"], 9)


def test_no_more_is_made_of_names_and_what_they_share_than_can_be_sent(person):
    form = {"source": "names", "tags": "x" * 100_000}
    for names, said in ((501, "501 names: at most 500"), (400, "too much for so many")):
        again = person.send("/admin/keys/bulk", **form, names="a\n" * names)
        assert again.status_code == 422
        assert said in again.text


def test_a_table_is_made_or_said_to_be_wrong_by_line(person, key_admin):
    table = "name,team,concurrency\ntabled,,5\nwrong,no such team,0\n"
    form = "/admin/keys/bulk?source=table"
    again = person.send(form, to="/admin/keys/bulk", table=table)
    assert again.status_code == 422
    assert re.findall(r'<td class="n">(\d+)</td><td><code>(\w+)', again.text) == [
        *[("3", "concurrency")]
    ]
    again = person.send(form, to="/admin/keys/bulk", table=table.replace(",0", ",1"))
    assert "there is no team with the name or id" in again.text
    fine = table.replace("no such team,0", ",1")
    assert person.send(form, to="/admin/keys/bulk", table=fine).status_code == 200
    assert len(key_admin.get(KEYS, search="tabled").json()["items"]) == 1


def test_what_changes_is_shown_then_confirmed_and_a_change_meanwhile_is_shown_anew(
    person, key_admin
):
    keys = [key_admin.created(name=f"chosen {n}", tags=["pick"])["id"] for n in range(2)]
    page = person.get("/admin/keys/change", params={"k": keys}).text
    sent = hidden_fields(page) | {"add_tags": "picked", "limits.concurrency": "4", "act": "change"}
    shown = person.post("/admin/keys/change", **sent)
    assert shown.status_code == 200, shown.text
    assert shown.text.count("pick, picked") == 2
    assert key_admin.get(KEYS, tag="picked").json()["items"] == []
    key_admin.call("PATCH", f"{KEYS}/{keys[0]}", json={"name": "other"}).raise_for_status()
    again = person.post("/admin/keys/change", **hidden_fields(shown.text), stage="apply")
    assert again.status_code == 412
    done = person.post("/admin/keys/change", **hidden_fields(again.text), stage="apply")
    assert done.status_code == 303
    assert "done=changed&n=2" in done.headers["location"]
    assert "2 keys are changed" in person.get(done.headers["location"]).text
    assert len(key_admin.get(KEYS, tag="picked").json()["items"]) == 2


def test_all_that_match_are_revoked_after_a_question(person, key_admin):
    for _ in range(3):
        key_admin.created(tags=["workshop"])
    page = person.get("/admin/keys/change", params={"which": "filter", "tag": "workshop"}).text
    shown = person.post("/admin/keys/change", **hidden_fields(page), act="revoke").text
    assert "Revoke 3 keys?" in shown
    done = person.post("/admin/keys/change", **hidden_fields(shown), stage="apply")
    assert done.status_code == 303
    found = key_admin.get(KEYS, tag="workshop").json()["items"]
    assert [one["status"] for one in found] == ["revoked"] * 3


def test_a_filter_is_not_taken_for_what_is_to_change(person, key_admin):
    teams = [key_admin.call("POST", "/internal/teams", json={"name": name}).json()["id"]
             for name in ("bulk from", "bulk to")]  # fmt: skip
    key_admin.created(team_id=teams[0], tags=["filtered"])
    other = key_admin.created(tags=["filtered"])["id"]
    query = {"which": "filter", "team_id": teams[0], "status": "active", "tag": "filtered"}
    hidden = hidden_fields(person.get("/admin/keys/change", params=query).text)
    # As browsers send it: what is not chosen is there, and blank.
    blank = {"team_id": "", "status": "", "act": "revoke"}
    assert "Revoke 1 key" in person.post("/admin/keys/change", **hidden | blank).text
    typed = {"team_id": teams[1], "status": "disabled", "act": "change"}
    shown = person.post("/admin/keys/change", **hidden | typed).text
    done = person.post("/admin/keys/change", **hidden_fields(shown), stage="apply")
    assert "n=1" in done.headers["location"]
    assert f"team_id={teams[0]}" in done.headers["location"]
    (moved,) = key_admin.get(KEYS, team_id=teams[1]).json()["items"]
    assert moved["status"] == "disabled"
    assert key_admin.get(f"{KEYS}/{other}").json()["status"] == "active"


def test_a_change_of_nothing_says_so_and_keeps_what_was_typed(person, key_admin):
    key_id = key_admin.created()["id"]
    page = person.get("/admin/keys/change", params={"k": key_id}).text
    hidden = hidden_fields(page)
    blank = person.post("/admin/keys/change", **hidden, act="change")
    assert blank.status_code == 422
    assert "needs a change" in blank.text
    wrong = person.post("/admin/keys/change", **hidden, act="change", **{"limits.concurrency": "x"})
    assert wrong.status_code == 422
    assert 'value="x"' in wrong.text
    assert "No key is selected" in person.get("/admin/keys/change").text
