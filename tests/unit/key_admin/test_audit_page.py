"""What a row of the trail speaks of is named, and linked where it has a page."""

import pytest

from functions.key_admin.console.pages.audit import subject_of

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    ("action", "subject_id", "detail", "subject"),
    [
        ("team.update", TEAM, {"after": {"name": "then"}}, ("blue", f"/admin/teams/{TEAM}")),
        ("team.delete", "T", {"before": {"name": "then"}, "after": None}, ("then", "")),
        ("user.create", "zoë/1", {"after": {"name": ""}}, ("", "/admin/users/zo%C3%AB%2F1")),
        ("account.update", "A", {"after": {"name": "main"}}, ("main", "/admin/accounts/A")),
        ("alias.put", "fast", {}, ("", "/admin/routing/aliases/fast/edit")),
        ("session.revoke", "S", {"before": {"name": {}}}, ("", "")),
        ("organisation.update", "organisation", {}, ("", "/admin/organisation")),
    ],
)
def test_a_subject_has_its_name_and_its_page(action, subject_id, detail, subject):
    kind = action.partition(".")[0]
    row = {"action": action, "subject_kind": kind, "subject_id": subject_id, "detail": detail}
    assert subject_of(row, {TEAM: "blue"}) == subject
