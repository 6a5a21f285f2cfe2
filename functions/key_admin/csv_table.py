"""Rows as CSV, as they are read."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from common.domain.spreadsheets import no_formula
from functions.key_admin.models.fields import written

Row = list[object]


class CsvTable:
    """Rows as CSV (RFC 4180); a text that a spreadsheet would run gets an apostrophe."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._head: list[Row] = [list(columns)]

    def write(self, rows: Sequence[Row]) -> bytes:
        """The next rows."""
        text = io.StringIO()
        written_rows = ([_csv_cell(cell) for cell in row] for row in [*self._head, *rows])
        csv.writer(text, lineterminator="\r\n").writerows(written_rows)
        self._head = []
        return text.getvalue().encode()

    def close(self) -> bytes:
        """The columns' names alone, where there was no row."""
        return self.write([])


def _csv_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return no_formula(value)
        case datetime():
            return written(value)
        case _:
            return str(value)
