"""Figures and times as people read them, in their language and time zone. Pure."""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation

_SEPARATORS = {"en": (",", "."), "de": (".", ",")}
_DATES = {"en": "%Y-%m-%d %H:%M:%S", "de": "%d.%m.%Y %H:%M:%S"}
_STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_STEPS_DE = ((10**12, " Bio."), (10**9, " Mrd."), (10**6, " Mio."), (10**3, " Tsd."))
# What stands for no figure, and for below nothing: as print has them.
NOTHING, MINUS = "\u2013", "\u2212"
_CENTS = Decimal("0.01")


class Formats:
    """Of one language and zone."""

    def __init__(self, language: str, zone: tzinfo) -> None:
        self._language = language
        self._zone = zone

    def number(self, value: object, places: int = 0) -> str:
        """With thousands set apart."""
        thousands, point = _SEPARATORS[self._language]
        text = f"{Decimal(str(value or 0)):,.{places}f}"
        return text.translate({ord(","): thousands, ord("."): point})

    def short(self, value: object) -> str:
        """Three digits and a step: 1.23M."""
        amount = Decimal(str(value or 0))
        steps = _STEPS_DE if self._language == "de" else _STEPS
        for step, name in steps:
            if abs(amount) >= step:
                scaled = amount / step
                return self.number(scaled, 0 if abs(scaled) >= 100 else 1) + name
        return self.number(amount)

    def usd(self, value: object) -> str:
        """Money: to the cent from a dollar on, and what is less with the digits that it has."""
        amount = decimal(value)
        if amount == 0 or abs(amount) >= 1:
            return self._dollars(amount, 2)
        if abs(amount) >= _CENTS:
            return self._dollars(amount, 4)
        # Two digits that say something: $0.0000086.
        places = 1 - amount.adjusted()
        return self._dollars(amount, min(places, 12))

    def exact_usd(self, value: object) -> str:
        """Money with all its digits."""
        amount = decimal(value)
        places = max(2, -int(amount.normalize().as_tuple().exponent)) if amount else 2
        return self._dollars(amount, places)

    def percent(self, part: object, whole: object) -> str:
        """A share; of nothing there is none."""
        total = decimal(whole)
        if not total:
            return NOTHING
        share = decimal(part) * 100 / total
        places = 0 if share == 0 or share >= 10 else 1 if share >= Decimal("0.1") else 2
        return (
            f"{self.number(share, places)} %"
            if self._language == "de"
            else (f"{self.number(share, places)}%")
        )

    def milliseconds(self, value: object) -> str:
        """A duration."""
        if value is None:
            return NOTHING
        amount = decimal(value)
        if amount < 1000:
            return f"{self.number(amount)} ms"
        if amount < 120_000:
            return f"{self.number(amount / 1000, 2 if amount < 10_000 else 1)} s"
        return f"{self.number(amount / 60_000, 1)} min"

    def bytes(self, value: object) -> str:
        """A size in memory."""
        amount = decimal(value)
        for step, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if amount >= step:
                return f"{self.number(amount / step, 1)} {name}"
        return f"{self.number(amount)} B"

    def moment(self, value: object) -> str:
        """A time to the second, in the person's zone."""
        local = self.local(value)
        return NOTHING if local is None else local.strftime(_DATES[self._language])

    def local(self, value: object) -> datetime | None:
        """A time, or its text in RFC 3339, in the person's zone."""
        if value is None or value == "":
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment.astimezone(self._zone)

    def _dollars(self, amount: Decimal, places: int) -> str:
        figure = self.number(abs(amount), places)
        sign = MINUS if amount < 0 else ""
        return f"{sign}{figure} $" if self._language == "de" else f"{sign}${figure}"


def decimal(value: object) -> Decimal:
    """A figure of an answer; nothing and what is none is 0."""
    try:
        return Decimal(str(value)) if value is not None else Decimal()
    except InvalidOperation:
        return Decimal()


def ago(value: object, now: datetime) -> tuple[str, int]:
    """How long ago, as a unit's name and a count: `("minutes", 3)`; the future counts as now."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    seconds = int((now - moment.astimezone(UTC)).total_seconds())
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= length:
            return unit, seconds // length
    return "now", 0
