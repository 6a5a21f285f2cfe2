"""Prices, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from functions.key_admin.models.fields import Bound, Money, Sent, Sought, Time, Ulid

RECORDS_AT_ONCE = 1000
Book = Annotated[
    dict[str, Any],
    Field(description="a price book, in the format of common/price_books; its version is its name"),
]
Percent = Annotated[str | None, Field(description="by how much it rose, such as +12.5 or -50.0")]
Usd = Annotated[
    str | None, Field(description="USD per million tokens, per thousand searches; or a limit")
]


class PricesQuery(Sent):
    """Which model; all without it."""

    model: Sought | None = None


class PriceAnswer(BaseModel):
    """What a model costs now. `prices` are by class, as in a price book, tiers by their place."""

    model: str
    price_version: str
    prices: Annotated[dict[str, str], Field(description="USD per million tokens, and limits")]


class PriceList(BaseModel):
    """Models in alphabetical order."""

    items: list[PriceAnswer]
    next_cursor: str | None = None


class PricesDiff(Sent):
    """A book to compare with what is in force."""

    book: Book


class PricesImport(Sent):
    """A book to take into force: whole, in the place of the one that was imported before.

    `effective_from` is the file's own `effective` unless it is sent, and else now.
    """

    book: Book
    effective_from: Annotated[AwareDatetime | None, Field(strict=False)] = None


class FieldDiff(BaseModel):
    """One price before and after."""

    field: str
    before: Usd
    after: Usd
    percent: Percent


class ModelDiff(BaseModel):
    """A model whose prices differ."""

    model: str
    change: Literal["added", "removed", "changed"]
    fields: list[FieldDiff]


class DiffAnswer(BaseModel):
    """What importing the book would change, in alphabetical order of models."""

    items: list[ModelDiff]
    next_cursor: str | None = None


class BookAnswer(BaseModel):
    """An imported book. `in_force`: it holds now."""

    id: str
    name: str
    digest: str
    effective_from: Time
    in_force: bool
    models: int
    imported_at: Time
    imported_by: str
    unchanged: Annotated[bool, Field(description="the same content was there: nothing was done")]


class BookList(BaseModel):
    """Imported books, the last to begin first."""

    items: list[BookAnswer]
    next_cursor: str | None = None


class RecomputeSent(Sent):
    """Which records to price again, by the books of their own time: a page of them.

    `cursor` is the `next_cursor` of the answer before. A dry run posts nothing.
    """

    since: Bound
    until: Bound
    model: Sought | None = None
    dry_run: bool = False
    cursor: Ulid | None = None
    limit: int = Field(default=RECORDS_AT_ONCE, ge=1, le=RECORDS_AT_ONCE)


class RecomputeAnswer(BaseModel):
    """What the page came to. Go on with `next_cursor` until it is null."""

    examined: int
    adjusted: Annotated[int, Field(description="records that an adjustment was posted to")]
    unpriced: Annotated[int, Field(description="records that still have no price")]
    own_file: Annotated[int, Field(description="records that a file of relay's own priced: left")]
    difference_usd: Money
    next_cursor: str | None
