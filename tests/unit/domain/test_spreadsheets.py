"""Text in tables: no spreadsheet runs it, whatever parts its cells."""

import csv
import io

import pytest

from common.domain.spreadsheets import no_formula

STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+a", "-a", "\t=a", "\r=a", "\n=a", "\uff1d1"]
)
def test_what_would_be_a_formula_begins_with_an_apostrophe(text):
    assert no_formula(text).startswith("'")
    assert no_formula(text).replace("'", "") == text


@pytest.mark.parametrize("text", ["", "a", "a=1", "a - b", "a@b.example", "a;b", "a; b", "1;2"])
def test_other_text_stays(text):
    assert no_formula(text) == text


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "text", ["x;=a;y", "x\t=a", "x\n=a", "x\r\n@a", ";=a", 'x;"=a', "=a;=a;+a"]
)
def test_no_cell_is_a_formula_whatever_parts_them(separator, text):
    written = io.StringIO()
    csv.writer(written).writerow(["first", no_formula(text), "last"])
    cells = csv.reader(io.StringIO(written.getvalue(), newline=""), delimiter=separator)
    assert not [cell for row in cells for cell in row if cell.lstrip('"').startswith(STARTS)]
