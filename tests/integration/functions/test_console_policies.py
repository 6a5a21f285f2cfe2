"""The console's policies, the organisation and changes of prices, over HTTP."""

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.console import hidden_fields
from tests.support.key_admin import SILENT, new_address
from tests.support.usage_records import make_record, post_records

ORGANISATION = "/internal/organisation"
BOOK = {
    "version": "console-1",
    "providers": {"openai_compatible": {"our-llama": {
        "input": "0.10", "output": "0.40", "cache_read": "0.01", "cache_write_5m": "0.10",
        "cache_write_1h": "0.10", "context_window": 128000, "max_output_tokens": 8192,
        "source": "ours"}}},
}  # fmt: skip


@pytest.fixture
def person(person, key_admin):
    yield person
    cleared = SILENT | {"limits": None, "budgets": None, "unpriced_models": None}
    assert key_admin.call("PATCH", ORGANISATION, json=cleared).status_code == 200


@pytest.fixture
def team(key_admin):
    return key_admin.call("POST", "/internal/teams", json={"name": new_address()}).json()


def test_who_may_not_set_a_webhook_is_told_so_at_the_field(person, team):
    form = f"/admin/teams/{team['id']}/policies/content-policy"
    field = r'<input id="content_policy.webhook.url"[^>]*>'
    (shown,) = re.findall(field, person.get(form).text)
    assert "readonly" not in shown
    person.is_of_role("operator")
    page = person.get(form).text
    (shown,) = re.findall(field, page)
    assert "readonly" in shown
    assert "Only an administrator sets it" in page
    assert person.send(form, **{"content_policy.input_characters_max": "9"}).status_code == 303


RULES = {"redaction.says": "rules", "redaction.entities.CONTACT": "mask",
         "redaction.custom[0].entity": "TICKET", "redaction.custom[0].pattern": "TCK-[0-9]+",
         "redaction.custom[0].action": "block"}  # fmt: skip


def test_a_policy_is_tried_saved_and_holds_below(person, key_admin, team):
    path = f"/admin/teams/{team['id']}/policies"
    text = "to ann@b.example"
    tried = person.send(f"{path}/redaction", **RULES, act="try", text=text)
    assert tried.status_code == 200
    assert '<mark class="mask" title="EMAIL_ADDRESS">ann@b.example</mark>' in tried.text
    assert "to EMAIL_ADDRESS_" in tried.text
    assert 'value="TCK-[0-9]+"' in tried.text
    assert key_admin.get(f"/internal/teams/{team['id']}").json()["redaction"] is None
    sent = hidden_fields(tried.text) | RULES
    assert person.post(f"{path}/redaction", **sent).headers["location"] == f"{path}?done=saved"
    saved = key_admin.get(f"/internal/teams/{team['id']}").json()["redaction"]
    assert saved["entities"] == {"CONTACT": "mask", "TICKET": "block"}
    key_id = key_admin.created(team_id=team["id"])["id"]
    below = f"/admin/keys/{key_id}/policies"
    page = person.get(below).text
    assert f'<a href="{path}">{team["name"]}</a>' in page
    refused = person.send(below, text="TCK-17").text
    assert "would be refused" in refused
    # The key's own word, without rules, is tried as what holds for it.
    assert "EMAIL_ADDRESS_" in person.send(f"{below}/redaction", act="try", text=text).text


def test_a_wrong_rule_is_said_beside_its_field_when_tried_and_when_saved(person):
    wrong = RULES | {"redaction.custom[0].pattern": "(", "text": "a"}
    for more in ({}, {"act": "try"}):
        answer = person.send("/admin/policies/redaction", **wrong, **more)
        assert answer.status_code == 422
        name = "redaction.custom[0].pattern"
        assert f'aria-describedby="{name}-about" aria-invalid="true"' in answer.text
    nothing = person.send("/admin/policies/redaction", **{"redaction.says": "rules"})
    assert nothing.status_code == 422
    assert 'href="#redaction.entities"' in nothing.text


def test_what_somebody_else_said_meanwhile_is_shown_and_kept(person, key_admin, team):
    path, api = f"/admin/teams/{team['id']}/policies/content-policy", "/internal/teams/"
    mine = {"content_policy.input_characters_max": "500"}
    opened = hidden_fields(person.get(path).text)
    row = {"name": "a", "pattern": "x", "verdict": "flag", "where": "both"}
    theirs = {"content_policy": {"patterns": [row]}}
    key_admin.call("PATCH", f"{api}{team['id']}", json=theirs).raise_for_status()
    refused = person.post(path, **opened, **mine)
    assert refused.status_code == 412
    assert '<th scope="row">Pattern 1, Pattern</th>' in refused.text
    both = hidden_fields(refused.text) | mine
    both |= {f"content_policy.patterns[0].{name}": text for name, text in row.items()}
    assert person.post(path, **both).status_code == 303
    saved = key_admin.get(f"{api}{team['id']}").json()["content_policy"]
    assert (saved["input_characters_max"], saved["patterns"]) == (500, [row])


def test_answers_are_kept_and_forgotten_when_that_is_confirmed(person, key_admin, team):
    path = f"/admin/teams/{team['id']}/policies"
    sent = {"response_cache.mode": "on", "response_cache.ttl_s": "60"}
    assert person.send(f"{path}/response-cache", **sent).status_code == 303
    saved = key_admin.get(f"/internal/teams/{team['id']}").json()["response_cache"]
    assert (saved["mode"], saved["ttl_s"]) == ("on", 60)
    assert team["name"] in person.get(f"{path}/forget").text
    gone = person.send(f"{path}/forget")
    assert gone.headers["location"] == f"{path}?done=forgotten&n=0"
    purged = key_admin.get("/internal/audit", subject_id=team["id"]).json()["items"]
    assert purged[0]["action"] == "response_cache.purge"


def test_the_organisation_is_limited_as_teams_are(person, key_admin):
    sent = {"limits.requests_per_minute": "9000", "unpriced_models": "quarantine",
            "budgets[0].usd": "100", "budgets[0].period": "month", "budgets[0].policy": "deny",
            "calendar.timezone": "UTC", "calendar.week_starts_on": "monday",
            "calendar.day_starts_at": "0", "client_gone.drain_seconds": "5"}  # fmt: skip
    wrong = person.send("/admin/organisation/edit", **(sent | {"budgets[0].usd": "1e9"}))
    assert wrong.status_code == 422
    assert person.send("/admin/organisation/edit", **sent).status_code == 303
    now = key_admin.get(ORGANISATION).json()
    assert now["limits"]["requests_per_minute"] == 9000
    assert now["unpriced_models"] == "quarantine"
    assert "9,000" in person.get("/admin/organisation").text


def test_a_book_is_imported_only_after_what_it_changes_was_shown(person, key_admin):
    path = "/admin/prices/import"
    name = f"console-{new_address().replace('.', '-').replace(':', '-')}"
    book = json.dumps(BOOK | {"version": name})
    assert "must be a JSON object" in html.unescape(person.send(path, book="[]").text)
    shown = person.send(path, book=book, act="look")
    assert (shown.status_code, "our-llama" in shown.text) == (200, True)
    seen = hidden_fields(shown.text)
    # Not what was shown: shown once more.
    other = person.post(path, **seen, book=book.replace("0.40", "0.80"), act="import")
    assert other.status_code == 412
    assert person.send(path, book=book, act="import").status_code == 412
    assert name not in key_admin.get("/internal/prices/books").text
    done = person.post(path, **seen, book=book, act="import")
    assert done.headers["location"] == f"/admin/prices?done=imported&book={name}"
    page = person.get(done.headers["location"]).text
    assert re.search(f"<b>{name}</b>.*in force", page)


def test_records_are_priced_again_once_the_difference_was_shown(person, key_admin):
    path, model = "/admin/prices/recompute", "gpt-4o"
    record = make_record(
        model_requested=model,
        priced_as=model,
        cost_usd="0.000000000000",
        price_version="unpriced",
    )
    post_records(key_admin.database_url, record)
    day = datetime.now(UTC).date()
    around = (day - timedelta(days=1), day + timedelta(days=1))
    days = {"from": str(around[0]), "to": str(around[1]), "model": model}
    days |= hidden_fields(person.get(path).text)
    assert person.post(path, **(days | {"from": "soon"})).status_code == 422
    looked = person.post(path, **days, act="look")
    assert (looked.status_code, 'value="post"' in looked.text) == (200, True)
    posted = person.post(path, **(hidden_fields(looked.text) | {"act": "post"}))
    assert re.search(r"<b>[1-9]\d*</b> adjusted", posted.text), posted.text[-2000:]
    assert 'value="post"' not in person.post(path, **days, act="look").text
