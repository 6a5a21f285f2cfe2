"""Workbooks: what is in them, however they are cut into pieces, and that nothing is a formula."""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from functions.key_admin.workbook import Workbook

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read(content):
    """The sheets by name, each a list of rows of (type, style, text)."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        parts = {name: ElementTree.fromstring(file.read(name)) for name in file.namelist()}
    sheets = [one.get("name") for one in parts["xl/workbook.xml"].iter(f"{MAIN}sheet")]
    found = {}
    for place, name in enumerate(sheets):
        sheet = parts[f"xl/worksheets/sheet{place + 1}.xml"]
        assert not list(sheet.iter(f"{MAIN}f"))
        found[name] = [
            [(cell.get("t"), cell.get("s"), cell.findtext(f"{MAIN}v")) for cell in row]
            for row in sheet.iter(f"{MAIN}row")
        ]
    return found


def test_each_value_is_of_its_type_and_no_text_is_a_formula():
    book = Workbook(["a", "b"])
    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    texts = ["=1+1", "+1", "-1", "@x", "a<b&c\x00", ""]
    content = book.write([[7, Decimal("0.000000000001")], [noon, True], [None, "é"]])
    content += book.write([[text, "x"] for text in texts]) + book.close()
    (rows,) = read(content).values()
    assert rows[0] == [("str", "3", "a"), ("str", "3", "b")]
    assert rows[1] == [(None, None, "7"), (None, None, "0.000000000001")]
    assert rows[2] == [(None, "1", "46352.500000000"), ("b", None, "1")]
    assert rows[3] == [(None, None, None), ("str", None, "é")]
    quoted = [row[0] for row in rows[4:8]]
    assert quoted == [("str", "2", text) for text in texts[:4]]
    assert [row[0] for row in rows[8:]] == [("str", None, "a<b&c"), (None, None, None)]


@pytest.mark.parametrize("bounds", [{"rows_max": 4}, {"bytes_max": 560}])
def test_what_a_sheet_does_not_take_is_in_the_next(bounds):
    book = Workbook(["n"], **bounds)
    content = b"".join(book.write([[number]]) for number in range(8)) + book.close()
    sheets = read(content)
    assert list(sheets)[:2] == ["Requests", "Requests 2"]
    numbers = [row[0][2] for rows in sheets.values() for row in rows[1:]]
    assert numbers == [str(number) for number in range(8)]
    assert all(rows[0] == [("str", "3", "n")] for rows in sheets.values())


def test_what_is_written_is_sent_and_not_kept():
    book = Workbook(["text"])
    pieces = [len(book.write([[f"{number:x}" * 40] for number in range(9000)])) for _ in range(3)]
    assert min(pieces) > 10_000
    book.close()
