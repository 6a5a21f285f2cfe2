"""The secret of a content policy's webhook: one a URL, the one that relay signs by."""

from common import secrets
from common.domain.standard_webhooks import shown_secret
from common.guardrails.webhooks import key_purpose
from tests.support.processes import INTERNAL_SECRET

PATH = "/internal/content-policy/webhook-secret"
URL = "https://guard.example.com/judge"


def test_each_url_has_a_secret_of_its_own_and_showing_it_leaves_a_trail(key_admin):
    answer = key_admin.call("POST", PATH, json={"url": URL})
    assert answer.status_code == 200, answer.text
    expected = shown_secret(secrets.derive(INTERNAL_SECRET, key_purpose(URL)))
    assert answer.json() == {"url": URL, "secret": expected}
    other = key_admin.call("POST", PATH, json={"url": f"{URL}/"}).json()["secret"]
    assert other != expected
    rows = key_admin.get("/internal/audit", action="webhook-secret.show").json()["items"]
    assert [row["subject_id"] for row in rows] == [f"{URL}/", URL]
    assert expected not in key_admin.get("/internal/audit").text


def test_a_url_that_no_policy_may_have_is_refused(key_admin):
    answer = key_admin.call("POST", PATH, json={"url": "http://guard.example.com/judge"})
    assert answer.status_code == 422
    assert "https" in answer.text
