"""The tree of limits: what stands below what, what is nearest first, page by page."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

from common.identifiers import new_ulid
from tests.support.admin_checks import fields
from tests.support.usage_records import make_record, post_records, ulid_at

TREE = "/internal/limits/tree"


def named(answer):
    assert answer.status_code == 200, answer.text
    return [(one["level"], one["name"]) for one in answer.json()["items"]]


def test_each_key_stands_below_its_user_in_its_team(key_admin):
    team = key_admin.call("POST", "/internal/teams", json={"name": "tree"}).json()["id"]
    for name, team_id in (("in it", team), ("outside", None)):
        key_admin.created(name=name, user_id="tree-user", team_id=team_id)
    top = key_admin.get(TREE).json()["items"]
    assert top[0]["level"] == "organisation"
    assert ("team", "tree") in named(key_admin.get(TREE))
    assert named(key_admin.get(TREE, team_id=team)) == [("user", "tree-user")]
    below = {"user_id": "tree-user"}
    assert named(key_admin.get(TREE, team_id=team, **below)) == [("key", "in it")]
    assert ("user", "tree-user") in named(key_admin.get(TREE, no_team=True, limit=500))
    assert named(key_admin.get(TREE, no_team=True, **below)) == [("key", "outside")]
    assert fields(key_admin.get(TREE, **below)) == ["query"]
    assert fields(key_admin.get(TREE, cursor="x")) == ["cursor"]
    huge = urlsafe_b64encode(f"1e999999 {new_ulid()}".encode()).decode()
    assert fields(key_admin.get(TREE, cursor=huge)) == ["cursor"]


def test_what_is_nearest_to_its_limit_comes_first_over_all_pages(key_admin):
    budget = {"user_id": "tree-near", "budgets": [{"period": "month", "usd": "1"}]}
    keys = [key_admin.created(name=f"n{place}", **budget)["id"] for place in range(4)]
    key_admin.created(name="none", user_id="tree-near")
    now = datetime.now(UTC)
    spent = {keys[2]: "0.500000000000", keys[0]: "0.200000000000", keys[3]: "0.100000000000"}
    post_records(
        key_admin.database_url,
        *(
            make_record(id=ulid_at(now), key_id=key_id, user_id="tree-near", cost_usd=cost)
            for key_id, cost in spent.items()
        ),
    )
    place = {"no_team": True, "user_id": "tree-near"}
    found, cursor = [], None
    while True:
        answer = key_admin.get(TREE, limit=2, **place, **({"cursor": cursor} if cursor else {}))
        found += [name for _, name in named(answer)]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert found[:3] == ["n2", "n0", "n3"]
    assert sorted(found[3:]) == ["n1", "none"]
