"""The price book in use: the newest file of `price_books/`, read once at a function's start."""

from pathlib import Path

from common.domain.prices import InvalidPriceBook, PriceBook

DIRECTORY = Path(__file__).parent / "price_books"


class _State:
    """The book of this process; files do not change below a running function."""

    book: PriceBook | None = None


def current_price_book() -> PriceBook:
    """The newest price book. Raises `InvalidPriceBook` or `OSError`: no function starts then."""
    if _State.book is None:
        _State.book = newest_price_book(DIRECTORY)
    return _State.book


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
