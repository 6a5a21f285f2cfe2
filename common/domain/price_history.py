"""Which prices hold at a moment: the vendored books, and over them what an operator imported. Pure.

Of the books that have begun the last one holds, whole: nothing of two imported books is mixed.
"""

from collections.abc import Sequence

import msgspec

from common.domain.prices import PriceBook

FOR_EVER_MS = 2**63 - 1


class DatedBook(msgspec.Struct, frozen=True):
    """A book and since when it holds, in ms since 1970."""

    effective_ms: int
    book: PriceBook


class PriceHistory:
    """Books in the order in which they begin; of two that begin at once the later one holds."""

    def __init__(self, vendored: Sequence[DatedBook], imported: Sequence[DatedBook]) -> None:
        if not vendored:
            raise ValueError("there is always a vendored book")
        self._vendored = sorted(vendored, key=lambda dated: dated.effective_ms)
        self._imported = sorted(imported, key=lambda dated: dated.effective_ms)
        self._current: PriceBook | None = None
        self._since_ms = 0
        self._until_ms = 0

    def at(self, moment_ms: int) -> PriceBook:
        """The prices of that moment; before the first vendored book, those of the first."""
        if self._current is None or not self._since_ms <= moment_ms < self._until_ms:
            self._current = self._book_of(moment_ms)
        return self._current

    def _book_of(self, moment_ms: int) -> PriceBook:
        begun = [dated for dated in self._vendored if dated.effective_ms <= moment_ms]
        book = (begun[-1] if begun else self._vendored[0]).book
        own = [dated for dated in self._imported if dated.effective_ms <= moment_ms]
        begins = [dated.effective_ms for dated in (*self._vendored, *self._imported)]
        self._since_ms = max((one for one in begins if one <= moment_ms), default=0)
        self._until_ms = min((one for one in begins if one > moment_ms), default=FOR_EVER_MS)
        if not own:
            return book
        imported = own[-1].book
        return book.overridden_by(imported, f"{book.version}+{imported.version}")
