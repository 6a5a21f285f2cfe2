"""`/internal/prices`: what is in force, an operator's own books, and pricing records again."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common.domain.money import usd_text
from common.domain.price_changes import changes, figures
from common.domain.price_history import DatedBook, PriceHistory
from common.domain.prices import InvalidPriceBook, PriceBook
from common.domain.roles import ADMINISTER, READ, SHARED
from common.identifiers import new_ulid, now_ms
from common.price_book import effective_ms_of, is_book_name, price_history
from common.store import price_books
from common.store.database import Connection
from common.store.price_books import ImportedBook
from functions.key_admin.models.prices import (
    BookAnswer,
    BookList,
    DiffAnswer,
    FieldDiff,
    ModelDiff,
    PriceAnswer,
    PriceList,
    PricesDiff,
    PricesImport,
    PricesQuery,
    RecomputeAnswer,
    RecomputeSent,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import conflict, invalid_field, not_found
from functions.key_admin.repricing import recompute as recompute_page
from functions.key_admin.repricing import span_of

PATH = "/internal/prices"


async def show(call: Call) -> Response:
    """What models cost now."""
    asked = call.sent(PricesQuery).model
    async with call.services.database.transaction() as connection:
        book = (await history(connection)).at(now_ms())
    names = sorted(book.prices | book.aliases) if asked is None else [asked]
    items = []
    for name in names:
        price = book.find(name)
        if price is None:
            raise not_found(f"Price book {book.version} has no price of the model {name!r}.")
        items.append(PriceAnswer(model=name, price_version=book.version, prices=figures(price)))
    return answered(PriceList(items=items))


async def diff(call: Call) -> Response:
    """What importing a book would change now."""
    given = call.sent(PricesDiff).book
    book, _ = _read(given)
    async with call.services.database.transaction() as connection:
        before = (await history(connection)).at(now_ms())
    after = price_history([DatedBook(0, book)]).at(now_ms())
    items = [
        ModelDiff(
            model=one.model,
            change=one.change,
            fields=[FieldDiff(**msgspec.structs.asdict(field)) for field in one.fields],
        )
        for one in changes(before, after)
    ]
    return answered(DiffAnswer(items=items))


async def import_book(call: Call) -> Response:
    """201 for a new book, 200 where the same content was imported already."""
    given = call.sent(PricesImport)
    book, effective = _read(given.book)
    digest = price_books.digest_of(given.book)
    begins = given.effective_from or effective
    async with call.services.database.transaction() as connection:
        await price_books.lock(connection)
        books = await price_books.imported(connection)
        same = _same(books, digest, begins)
        if same is not None:
            return answered(_answer(same, books, unchanged=True))
        book_id = new_ulid()
        try:
            await price_books.add(
                connection,
                book_id,
                book.version,
                given.book,
                begins or datetime.now(UTC),
                call.actor.label,
            )
        except psycopg.errors.UniqueViolation:
            raise conflict(
                f"Another book of the version {book.version!r} was imported: records name it, so "
                "a book with other prices, or from another time on, needs a version of its own."
            ) from None
        books = await price_books.imported(connection)
        made = _answer(next(one for one in books if one.id == book_id), books)
        await call.audit(connection, "prices.import", book_id, after=made.model_dump(mode="json"))
    await call.services.bring_projection_up_to_date()
    return answered(made, 201)


async def list_books(call: Call) -> Response:
    """All imported books."""
    async with call.services.database.transaction() as connection:
        books = await price_books.imported(connection)
    return answered(BookList(items=[_answer(one, books) for one in books]))


async def recompute(call: Call) -> Response:
    """A page of records, priced again by the books of their own time."""
    given = call.sent(RecomputeSent)
    since, until = span_of(given)
    async with call.services.database.transaction() as connection:
        books = await history(connection)
    page = await recompute_page(call.services, books, given, since, until)
    if page.adjusted and not given.dry_run:
        async with call.services.database.transaction() as connection:
            after: dict[str, Any] = {"since": since, "until": until, "model": given.model}
            after |= {"adjusted": page.adjusted, "difference_usd": usd_text(page.difference_pico)}
            await call.audit(
                connection, "prices.recompute", given.model or "", after=msgspec.to_builtins(after)
            )
    return answered(
        RecomputeAnswer(
            examined=page.examined,
            adjusted=page.adjusted,
            unpriced=page.unpriced,
            own_file=page.own_file,
            difference_usd=usd_text(page.difference_pico),
            next_cursor=page.next_cursor,
        )
    )


async def history(connection: Connection) -> PriceHistory:
    """All vendored and imported books."""
    imported = await price_books.imported(connection)
    return price_history(
        [
            DatedBook(
                int(one.effective_from.timestamp() * 1000),
                PriceBook.from_json(msgspec.json.encode(one.book)),
            )
            for one in reversed(imported)
        ]
    )


def _read(given: dict[str, Any]) -> tuple[PriceBook, datetime | None]:
    """The book, and since when it holds by its own word. Raises `Problem`."""
    data = msgspec.json.encode(given)
    try:
        book = PriceBook.from_json(data)
        effective_ms = effective_ms_of(data)
    except InvalidPriceBook as error:
        raise invalid_field("book", str(error)) from None
    if not is_book_name(book.version):
        raise invalid_field(
            "book.version", "must be at most 64 letters, digits, '.', '_' and '-': records name it"
        )
    if not book.prices:
        raise invalid_field("book.providers", "must have at least one model")
    effective = datetime.fromtimestamp(effective_ms / 1000, UTC) if effective_ms else None
    return book, effective


def _same(books: list[ImportedBook], digest: str, begins: datetime | None) -> ImportedBook | None:
    """The import that this one repeats; without a time of its own, any of the same content."""
    for one in books:
        if one.digest == digest and begins in (None, one.effective_from):
            return one
    return None


def _answer(one: ImportedBook, books: list[ImportedBook], *, unchanged: bool = False) -> BookAnswer:
    begun = [book.id for book in books if book.effective_from <= datetime.now(UTC)]
    return BookAnswer(
        id=one.id,
        name=one.name,
        digest=one.digest,
        effective_from=one.effective_from,
        in_force=begun[:1] == [one.id],
        models=sum(len(models) for models in one.book["providers"].values()),
        imported_at=one.imported_at,
        imported_by=one.imported_by,
        unchanged=unchanged,
    )


OPERATIONS = (
    Operation("GET", PATH, show, "Show prices", "Prices", may=SHARED,
              answer=PriceList, query=PricesQuery, refusals=(404,)),
    Operation("POST", f"{PATH}/diff", diff, "Compare a price book with what is in force", "Prices",
              may=READ,
              answer=DiffAnswer, body=PricesDiff),
    Operation("GET", f"{PATH}/books", list_books, "List imported price books", "Prices", may=READ,
              answer=BookList),
    Operation("POST", f"{PATH}/books", import_book, "Import a price book", "Prices", may=ADMINISTER,
              status=201, answer=BookAnswer, body=PricesImport, refusals=(409,)),
    Operation("POST", f"{PATH}/recompute", recompute, "Price records again", "Prices",
              may=ADMINISTER,
              answer=RecomputeAnswer, body=RecomputeSent),
)  # fmt: skip
