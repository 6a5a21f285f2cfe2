"""The ledger as files: both formats have the same rows, and it can be asked how far they are."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime

import pytest

from tests.support.admin_checks import fields, problem
from tests.support.usage_records import make_record, post_records, ulid_at

ROWS = 2500  # more than are read at once


@pytest.fixture
def key_id(key_admin):
    key_id = key_admin.created()["id"]
    now = datetime.now(UTC)
    records = (
        make_record(id=ulid_at(now), key_id=key_id, client="=HYPERLINK()") for _ in range(ROWS)
    )
    post_records(key_admin.database_url, *records)
    return key_id


def test_both_formats_have_all_rows_and_say_how_far_they_are(key_admin, key_id):
    asked = {"key_id": key_id, "progress": "an-export-1"}
    table = key_admin.get("/internal/usage/records.csv", **asked)
    assert table.headers["x-relay-estimated-rows"] == str(ROWS)
    rows = list(csv.DictReader(io.StringIO(table.text)))
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == ROWS
    assert ids == sorted(ids, reverse=True)
    assert {row["client"] for row in rows} == {"'=HYPERLINK()"}
    done = key_admin.get("/internal/usage/exports/an-export-1").json()
    assert done == {"rows": ROWS, "estimated": ROWS, "state": "done"}
    book = key_admin.get("/internal/usage/records.xlsx", key_id=key_id)
    assert book.headers["content-disposition"] == 'attachment; filename="relay-requests.xlsx"'
    with zipfile.ZipFile(io.BytesIO(book.content)) as file:
        sheet = file.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r'<row><c t="str"><v>(\w+)', sheet) == ids
    assert "<f>" not in sheet


def test_nobody_is_told_of_what_has_not_begun(key_admin):
    problem(key_admin.get("/internal/usage/exports/an-export-2"), 404)
    assert fields(key_admin.get("/internal/usage/records.csv", progress="x y")) == ["progress"]
    empty = key_admin.get("/internal/usage/records.csv", model="no-such-model")
    assert empty.text.startswith("id,kind,")
    assert len(empty.text.splitlines()) == 1
