"""Requests in the console: how they are found, and what is said of a wrong filter, as elsewhere."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.usage_records import make_record, post_records, ulid_at


def test_requests_are_filtered_shown_and_exported(person, key_admin):
    key = key_admin.created(name="asks a lot")
    now = datetime.now(UTC)
    records = [
        make_record(
            id=ulid_at(now - timedelta(seconds=number)),
            key_id=key["id"],
            user_id="=cmd()",
            status="error" if number == 2 else "ok",
        )
        for number in range(3)
    ]
    post_records(key_admin.database_url, *records)
    page = person.get("/admin/requests", params={"key_id": key["id"], "status": "error"})
    assert [one.id in page.text for one in records] == [False, False, True]
    receipt = person.get(f"/admin/requests/{records[0].id}")
    assert receipt.status_code == 200
    assert "$0.00000855" in receipt.text
    export = person.get("/admin/requests/export/csv", params={"key_id": key["id"]})
    rows = list(csv.DictReader(io.StringIO(export.text)))
    assert [row["id"] for row in rows] == [one.id for one in records]
    # What a spreadsheet would run is a text.
    assert {row["user_id"] for row in rows} == {"'=cmd()"}
    day = (now + timedelta(days=2)).date().isoformat()
    assert records[0].id not in person.get("/admin/requests", params={"from": day}).text


def test_requests_are_found_by_what_people_know_of_them(person, key_admin):
    keys = [key_admin.created(name=f"notebook {number}") for number in range(2)]
    now = datetime.now(UTC)
    failed = {"status": "error", "error_code": "rate_limited", "model_served": None}
    asked = {"model_requested": "gpt-5-mini", "model_served": "gpt-5-mini-2025-08-07"}
    records = [
        make_record(id=ulid_at(now), key_id=keys[0]["id"], **asked),
        make_record(id=ulid_at(now), key_id=keys[1]["id"], **failed),
        make_record(id=ulid_at(now - timedelta(days=30)), key_id=keys[1]["id"], **asked),
    ]
    post_records(key_admin.database_url, *records)

    def found(**typed):
        page = person.get("/admin/requests", params=typed)
        assert page.status_code == 200, page.text[-3000:]
        return [number for number, one in enumerate(records) if f"/{one.id}" in page.text]

    first = (now - timedelta(days=40)).date().isoformat()
    assert found(model_requested="gpt-5-mini") == [0]
    assert "last 7 days" in person.get("/admin/requests?model_requested=gpt-5-mini").text
    assert found(model_requested="gpt-5-mini", **{"from": first}) == [0, 2]
    assert found(error_code="rate_limited") == [1]
    assert found(error_code="rate_limited", status="ok") == []
    assert found(key_id="notebook 1") == [1, 2]
    assert found(key_id=keys[0]["key"][:12]) == [0]
    days = {"from": first, "to": now.date().isoformat()}
    assert found(key_id="notebook 0", **days) == [0]
    assert found(key_id="notebook 0", **days, to_time="00:00") == []
    several = person.get("/admin/requests", params={"key_id": "notebook"}).text
    assert all(f'key_id={one["id"]}">{one["name"]}</a>' in several for one in keys)
    export = person.get("/admin/requests/export", params={"error_code": "rate_limited"}).text
    assert "At most" in export
    query = {"error_code": "rate_limited", "key_id": "notebook 1"}
    rows = csv.DictReader(io.StringIO(person.get("/admin/requests/export/csv", params=query).text))
    assert [row["id"] for row in rows] == [records[1].id]


def test_a_request_is_opened_by_its_id(person, key_admin):
    record = make_record(id=ulid_at(datetime.now(UTC)), key_id=key_admin.created()["id"])
    post_records(key_admin.database_url, record)
    path, typed = f"/admin/requests/{record.id}", {"request_id": f" {record.id.lower()} "}
    assert person.get("/admin/requests", params=typed).headers["location"] == path
    part = person.get("/admin/requests", params=typed, headers={"hx-request": "true"})
    assert part.headers["hx-redirect"] == path
    for unknown in ("nonsense", "01ARYZ6S41TSV4RRFFQ69G5FAV"):
        answer = person.get("/admin/requests", params={"request_id": unknown})
        assert answer.status_code == 422
        assert 'name="request_id" aria-describedby="request_id-about" aria-invalid' in answer.text
        assert f'value="{unknown}"' in answer.text


@pytest.mark.parametrize(
    ("page", "typed", "field"),
    [
        ("/admin/requests", {"key_id": "\0", "model": "gpt-4o"}, "key_id"),
        ("/admin/requests", {"from": "2026-11-26", "to": "2026-11-20", "model": "gpt-4o"}, "to"),
        ("/admin/requests", {"from": "yesterday", "model": "gpt-4o"}, "from"),
        ("/admin/requests", {"key_id": "no such name", "model": "gpt-4o"}, "key_id"),
        ("/admin/requests", {"to_time": "12:00", "model": "gpt-4o"}, "to"),
        ("/admin/audit", {"from": "2026-11-26", "to": "2026-11-20", "actor": "me"}, "to"),
    ],
)
def test_a_wrong_filter_is_said_at_its_field_and_all_that_was_typed_stays(
    person, page, typed, field
):
    whole = person.get(page, params=typed)
    assert whole.status_code == 422
    assert f'name="{field}" aria-describedby="{field}-about" aria-invalid="true"' in whole.text
    assert all(f'value="{value}"' in whole.text for value in typed.values())
    assert "A filter is wrong" in whole.text
    # With htmx the region alone, and each error beside it for its field.
    part = person.get(page, params=typed, headers={"hx-request": "true"})
    assert part.status_code == 200
    for name in typed:
        said = part.text.partition(f'id="{name}-about" hx-swap-oob="true">')[2].partition("</p>")[0]
        assert bool(said) == (name == field)


def test_days_that_cannot_be_shown_are_said_and_kept(person):
    page = person.get("/admin", params={"from": "2026-11-26", "to": "2026-11-20"}).text
    assert '<details class="custom" open>' in page
    assert 'value="2026-11-20" aria-describedby="range-about" aria-invalid="true"' in page
    assert "Shown is: 7 days." in page
