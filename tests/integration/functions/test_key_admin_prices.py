"""Prices over HTTP: books are imported once, and history is priced again by adjustments alone."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.usage import Tokens
from common.price_book import current_price_book
from tests.support.key_admin import served_key_admin
from tests.support.prices import ENTRY, MODEL, book
from tests.support.usage_records import make_record, post_records, ulid_at

PRICES = "/internal/prices"


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


def imported(served, given, **members):
    answer = served.call("POST", f"{PRICES}/books", json={"book": given} | members)
    made = answer.json()
    assert answer.status_code == (200 if made.get("unchanged") else 201), answer.text
    return made


def recompute(served, since, until, **members):
    body = {"since": since.isoformat(), "until": until.isoformat(), "limit": 2} | members
    total = {"examined": 0, "adjusted": 0, "unpriced": 0, "difference_usd": Decimal()}
    while True:
        answer = served.call("POST", f"{PRICES}/recompute", json=body)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for name, sum_so_far in total.items():
            total[name] = sum_so_far + type(sum_so_far)(page[name])
        if page["next_cursor"] is None:
            return total
        body["cursor"] = page["next_cursor"]


def test_a_book_is_imported_once_and_leaves_an_audit_row(served):
    given = book()
    first = imported(served, given)
    assert first["unchanged"] is False
    again = imported(served, json.loads(json.dumps(given, sort_keys=True)))
    assert again == first | {"unchanged": True}
    [row] = served.get("/internal/audit", subject_id=first["id"]).json()["items"]
    assert (row["action"], row["detail"]["after"]["name"]) == ("prices.import", given["version"])
    shown = served.get(PRICES, model=MODEL).json()["items"]
    assert shown[0]["prices"]["output"] == "4"
    assert shown[0]["price_version"] == f"{current_price_book().version}+{given['version']}"


def test_another_book_of_the_same_version_is_refused(served):
    given = book()
    imported(served, given)
    given["providers"]["openai_compatible"][MODEL] = ENTRY | {"input": "2"}
    answer = served.call("POST", f"{PRICES}/books", json={"book": given})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ENTRY | {"input": "-1"}, f"{MODEL}: input: '-1' is negative"),
        (ENTRY | {"input": 1}, f"{MODEL}: Expected `str`"),
        (ENTRY | {"tiers": {"flex": {"of_standard": "0"}}}, f"{MODEL}: tiers.flex: of_standard"),
        (ENTRY | {"tiers": {"batch": {"input": "1"}}}, "tiers.batch: output is missing"),
    ],
)
def test_a_book_that_cannot_be_used_is_refused_by_model_and_field(served, entry, message):
    before = served.get(f"{PRICES}/books").json()
    for call in ("books", "diff"):
        answer = served.call("POST", f"{PRICES}/{call}", json={"book": book(**{MODEL: entry})})
        assert answer.status_code == 422
        assert message in answer.text.replace('\\"', '"')
    assert served.get(f"{PRICES}/books").json() == before


def test_a_diff_says_what_importing_would_change(served):
    imported(served, book(**{MODEL: ENTRY, "goes": ENTRY}))
    given = book(**{MODEL: ENTRY | {"input": "1.5", "output": "2"}, "comes": ENTRY})
    answer = served.call("POST", f"{PRICES}/diff", json={"book": given})
    found = {one["model"]: one for one in answer.json()["items"]}
    assert {name: one["change"] for name, one in found.items()} == {
        "comes": "added",
        "goes": "removed",
        MODEL: "changed",
    }
    assert found[MODEL]["fields"] == [
        {"field": "input", "before": "1", "after": "1.5", "percent": "+50.0"},
        {"field": "output", "before": "4", "after": "2", "percent": "-50.0"},
    ]


def test_a_book_holds_from_its_time_on(served):
    present = served.get(PRICES, model="gpt-4o").json()
    later = datetime.now(UTC) + timedelta(days=1)
    given = book(**{"gpt-4o": ENTRY})
    made = imported(served, given, effective_from=later.isoformat())
    assert made["in_force"] is False
    assert served.get(PRICES, model="gpt-4o").json() == present
    projected = json.loads(served.redis().hget("{relay}:prices", "r"))
    assert [one["book"]["version"] for one in projected][-1] == given["version"]


def test_the_books_that_open_jobs_began_with_are_projected(served):
    """A job is open for two days, and settled by the prices of its beginning."""
    now = datetime.now(UTC)
    names = []
    for hours in (72, 50, 2):
        given = book()
        imported(served, given, effective_from=(now - timedelta(hours=hours)).isoformat())
        names.append(given["version"])
    projected = json.loads(served.redis().hget("{relay}:prices", "r"))
    found = [one["book"]["version"] for one in projected]
    assert [name for name in names if name in found] == names[1:]


def test_history_is_priced_again_by_adjustments_and_once(served):
    since = datetime(2026, 10, 5, 12, tzinfo=UTC)
    until = since + timedelta(hours=1)
    team = served.call(
        "POST", "/internal/teams", json={"name": uuid.uuid4().hex, "price_multiplier": "1.5"}
    ).json()
    model = f"llama-{uuid.uuid4().hex[:6]}"
    # (1,000 * $1 + 500 * $4) / 1,000,000 = $0.003 each; less 10 %, $0.0027.
    records = [
        make_record(
            id=ulid_at(since + timedelta(minutes=number)),
            team_id=team["id"],
            model_requested=model,
            model_served=None,
            priced_as=model,
            tokens=Tokens(input=1000, output=500),
            cost_usd="0.000000000000",
            price_version="unpriced",
            discount=discount,
        )
        for number, discount in enumerate(["", "", "0.1"])
    ]
    other = msgspec.structs.replace(
        records[0], id=ulid_at(since), priced_as="gpt-4o", price_version="2026-11-25"
    )
    post_records(served.database_url, *records, other)
    imported(served, book(**{model: ENTRY}), effective_from=since.isoformat())

    expected = {"examined": 3, "adjusted": 3, "unpriced": 0, "difference_usd": Decimal("0.0087")}
    assert recompute(served, since, until, model=model, dry_run=True) == expected
    assert recompute(served, since, until, model=model) == expected
    again = recompute(served, since, until, model=model)
    assert again == expected | {"adjusted": 0, "difference_usd": Decimal()}

    statement = "SELECT * FROM ledger WHERE adjusts = %s"
    for record, cost in zip(records, ("0.003", "0.003", "0.0027"), strict=True):
        [row] = served.rows(statement, ulid_to_uuid(record.id))
        assert (row["cost_usd"], row["finish_cause"]) == (Decimal(cost), "priced_later")
        assert row["occurred_at"] == datetime.fromisoformat(record.occurred_at)
        assert (row["input"], row["output"], row["price_multiplier"]) == (0, 0, Decimal("1.5"))
    query = {"since": since.isoformat(), "until": until.isoformat(), "team_id": team["id"]}
    total = served.get("/internal/usage", **query).json()["total"]
    assert Decimal(total["cost_usd"]) == Decimal("0.0087")
    assert Decimal(total["rated_usd"]) == Decimal("0.01305")
    assert (total["requests"], total["unpriced_requests"]) == (4, 0)


def test_the_counters_of_running_periods_follow(served):
    now = datetime.now(UTC)
    model = f"llama-{uuid.uuid4().hex[:6]}"
    key = served.created(budgets=[{"period": "total", "usd": "5"}])
    account = served.call(
        "POST",
        "/internal/accounts",
        json={
            "name": uuid.uuid4().hex,
            "provider": "openai_compatible",
            "base_url": "http://localhost:1",
            "credential": {"api_key": "sk-x"},
            "budgets": [{"period": "total", "usd": "5"}],
        },
    ).json()
    record = make_record(
        id=ulid_at(now + timedelta(seconds=60)),
        key_id=key["id"],
        account_id=account["id"],
        model_requested=model,
        model_served=None,
        tokens=Tokens(input=1_000_000),
        cost_usd="0.000000000000",
        price_version="unpriced",
    )
    post_records(served.database_url, record)
    counters = [
        f"{{relay}}:money:{scope}:total"
        for scope in (f"key:{ulid_to_uuid(key['id'])}", f"account:{account['id']}")
    ]
    since, until = now - timedelta(minutes=5), now + timedelta(minutes=5)
    for seconds, usd, spent in ((10, "1", 10**9), (20, "0.25", 250_000_000)):
        begins = (now + timedelta(seconds=seconds)).isoformat()
        imported(served, book(**{model: ENTRY | {"input": usd}}), effective_from=begins)
        recompute(served, since, until, model=model)
        assert [int(served.redis().hget(name, "s")) for name in counters] == [spent, spent]
    assert served.rows("SELECT count(*) AS n FROM ledger WHERE adjusts = %s",
                       ulid_to_uuid(record.id))[0]["n"] == 2  # fmt: skip
