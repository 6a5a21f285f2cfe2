"""A table of any length as an Excel workbook (.xlsx), written as it is read.

A workbook is XML in a zip (ECMA-376, parts 1 and 2): what is written of it can be sent at once, and
nothing but a row is kept. Cells are never formulas, whatever a text begins with: a text is of the
type `str`, and marked as quoted where Excel would read it as a formula when it is edited.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO

from common.domain.spreadsheets import FORMULA_STARTS

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What Excel takes of a sheet, its header included, and of a cell.
ROWS_MAX = 1_048_576
CHARACTERS_MAX = 32_767
# A member of a zip without the extensions for larger ones, of which Excel warns.
BYTES_MAX = 1_900_000_000
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_DAY_S = 86_400
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
    '</sheetViews><cols><col min="1" max="{columns}" width="20" customWidth="1"/></cols><sheetData>'
)
# Styles by their places in `cellXfs`: plain, time, quoted, head.
_TIME, _QUOTED, _BOLD = 1, 2, 3
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" '
    'formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


class _Pipe(io.RawIOBase):
    """Where the zip is written to: it cannot go back, and what is taken is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class Workbook:
    """A workbook with one table, in as many sheets as it takes; each has the columns' names."""

    def __init__(
        self, columns: Sequence[str], *, rows_max: int = ROWS_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._columns = columns
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._sheets = 0
        self._rows = 0
        self._bytes = 0
        self._sheet = self._opened()

    def write(self, rows: Iterable[Sequence[object]]) -> bytes:
        """The next rows; returns what of the file there is to send."""
        for row in rows:
            if self._rows >= self._rows_max or self._bytes >= self._bytes_max:
                self._end_sheet()
                self._sheet = self._opened()
            self._put(f"<row>{''.join(map(_cell, row))}</row>")
            self._rows += 1
        return self._pipe.take()

    def close(self) -> bytes:
        """The end of the file."""
        self._end_sheet()
        for name, text in _parts(self._sheets):
            self._zip.writestr(name, text)
        self._zip.close()
        return self._pipe.take()

    def _opened(self) -> IO[bytes]:
        self._sheets += 1
        self._rows = 1
        self._bytes = 0
        self._sheet = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._put(_SHEET.replace("{columns}", str(len(self._columns))))
        titles = "".join(f'<c t="str" s="{_BOLD}"><v>{_text(one)}</v></c>' for one in self._columns)
        self._put(f"<row>{titles}</row>")
        return self._sheet

    def _end_sheet(self) -> None:
        self._put("</sheetData></worksheet>")
        self._sheet.close()

    def _put(self, text: str) -> None:
        content = text.encode()
        self._bytes += len(content)
        self._sheet.write(content)


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "<c/>"
        case str():
            style = f' s="{_QUOTED}"' if value.startswith(FORMULA_STARTS) else ""
            return f'<c t="str"{style}><v>{_text(value)}</v></c>'
        case bool():
            return f'<c t="b"><v>{value:d}</v></c>'
        case int():
            return f"<c><v>{value}</v></c>"
        case Decimal():
            return f"<c><v>{value:f}</v></c>"
        case datetime():
            days = (value - _EPOCH).total_seconds() / _DAY_S
            return f'<c s="{_TIME}"><v>{days:.9f}</v></c>'
        case _:
            raise TypeError(f"a cell holds no {type(value).__name__}")


def _text(value: str) -> str:
    return _NO_XML.sub("", value[:CHARACTERS_MAX]).translate(_ESCAPES)


def _parts(sheets: int) -> list[tuple[str, str]]:
    """What a workbook has beside its sheets."""
    numbers = range(1, sheets + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{one}.xml" ContentType="{_PARTS}.worksheet+xml"/>'
        for one in numbers
    )
    listed = "".join(
        f'<sheet name="Requests{"" if one == 1 else f" {one}"}" sheetId="{one}" r:id="rId{one}"/>'
        for one in numbers
    )
    related = "".join(
        f'<Relationship Id="rId{one}" Type="{_OFFICE}/worksheet" '
        f'Target="worksheets/sheet{one}.xml"/>'
        for one in numbers
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    relationships = f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    return [
        (
            "[Content_Types].xml",
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_PARTS}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_PARTS}.styles+xml"/>'
            f"{overrides}</Types>",
        ),
        (
            "_rels/.rels",
            f'{relationships}<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        ),
        (
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
            "</workbook>",
        ),
        ("xl/_rels/workbook.xml.rels", f"{relationships}{related}{styles}</Relationships>"),
        ("xl/styles.xml", _STYLES),
    ]
