"""The price book in use: the newest file of `price_books/`, read once at a function's start.

An operator's file, in the same format, replaces and extends its models.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from common.domain.price_history import DatedBook, PriceHistory
from common.domain.prices import InvalidPriceBook, PriceBook
from common.telemetry import logs

OVERRIDES = "prices*.json"
OVERRIDE_BYTES_MAX = 4 << 20
# The name stands in every record that the file prices.
_OVERRIDE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST_CHARACTERS = 12


class _Effective(msgspec.Struct):
    effective: str = ""


class _Imported(msgspec.Struct):
    effective_ms: int
    book: msgspec.Raw


_effective_decoder = msgspec.json.Decoder(_Effective)
_books_decoder = msgspec.json.Decoder(list[_Imported])
DIRECTORY = Path(__file__).parent / "price_books"


class _State:
    """The book of this process; files do not change below a running function."""

    book: PriceBook | None = None


def current_price_book() -> PriceBook:
    """The newest price book. Raises `InvalidPriceBook` or `OSError`: no function starts then."""
    if _State.book is None:
        _State.book = newest_price_book(DIRECTORY)
    return _State.book


def overridden_price_book(directory: str) -> PriceBook:
    """The current book, with the models of the last `prices*.json` by name that the directory has.

    Its version then names that file and what was in it: `2026-11-25+prices-2026-12.json@5f0c…`. A
    file that cannot be used is named in the log, with model and field, and the current book holds:
    wrong prices must not stop requests. No directory ("") and no file are no failure. Raises as
    `current_price_book`.
    """
    book = current_price_book()
    if not directory:
        return book
    path = Path(directory)
    try:
        names = [entry.name for entry in path.iterdir() if entry.match(OVERRIDES)]
        if not names:
            return book
        path /= max(names)
        overridden = _overridden(book, path)
    except (OSError, InvalidPriceBook) as error:
        logs.log("price_book_refused", level="error", file=str(path), error=str(error))
        return book
    logs.log("price_book_overridden", file=str(path), version=overridden.version)
    return overridden


def _overridden(book: PriceBook, path: Path) -> PriceBook:
    if not _OVERRIDE_NAME.fullmatch(path.name):
        raise InvalidPriceBook("its name is more than 64 letters, digits, '.', '_' and '-'")
    with path.open("rb") as file:
        data = file.read(OVERRIDE_BYTES_MAX + 1)
    if len(data) > OVERRIDE_BYTES_MAX:
        raise InvalidPriceBook(f"it has more than {OVERRIDE_BYTES_MAX} bytes")
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST_CHARACTERS]
    version = f"{book.version}+{path.name}@{digest}"
    return book.overridden_by(PriceBook.from_json(data), version)


def price_history(imported: Sequence[DatedBook]) -> PriceHistory:
    """All vendored books and, over them, what was imported. Raises as `current_price_book`."""
    vendored = []
    for path in sorted(DIRECTORY.glob("*.json"), key=lambda path: version_order(path.stem)):
        data = path.read_bytes()
        vendored.append(DatedBook(effective_ms_of(data), PriceBook.from_json(data)))
    return PriceHistory(vendored, imported)


def imported_books(books: bytes) -> list[DatedBook]:
    """The operator's own, as Redis has them (JSON). Raises `InvalidPriceBook`."""
    try:
        found = _books_decoder.decode(books)
    except msgspec.DecodeError as error:
        raise InvalidPriceBook(f"imported price books: {error}") from error
    return [DatedBook(one.effective_ms, PriceBook.from_json(one.book)) for one in found]


def is_book_name(version: str) -> bool:
    """Whether an imported book may have this version: it stands in every record it prices."""
    return _OVERRIDE_NAME.fullmatch(version) is not None


def effective_ms_of(data: bytes) -> int:
    """Since when a file's prices hold: midnight in UTC of its `effective`; 0 without one."""
    try:
        effective = _effective_decoder.decode(data).effective
        day = date.fromisoformat(effective) if effective else date(1970, 1, 1)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidPriceBook(f"price book: effective is no date: {error}") from error
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def newest_price_book(directory: Path) -> PriceBook:
    """The book of the directory's highest version. Raises `InvalidPriceBook` if there is none."""
    path = max(directory.glob("*.json"), key=lambda path: version_order(path.stem), default=None)
    if path is None:
        raise InvalidPriceBook(f"{directory} has no price book")
    book = PriceBook.from_json(path.read_bytes())
    if book.version != path.stem:
        raise InvalidPriceBook(f"{path.name} says that it is version {book.version!r}")
    return book


def version_order(version: str) -> tuple[int, ...]:
    """A key that sorts versions: a date, and for a second book of that day a number after a point.

    `2026-11-25` comes before `2026-11-25.1`, `.2` before `.10`. Raises `InvalidPriceBook`.
    """
    try:
        return tuple(int(number) for number in version.replace(".", "-").split("-"))
    except ValueError as error:
        raise InvalidPriceBook(f"{version!r} is no version of a price book") from error
