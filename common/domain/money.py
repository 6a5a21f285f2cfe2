"""Money as integers: pico-USD (1e-12 USD), exact for every price per token that providers publish.

`decimal` is not imported: amounts are digits, and this runs once a request and at every start.
"""

PICO_PER_USD = 10**12
PICO_PER_NANO = 1000
DECIMALS = 12
# Far above any amount, and short enough that reading a hostile text costs nothing.
_CHARACTERS_MAX = 40


class InvalidAmount(ValueError):
    """A text that is no decimal amount of USD with at most 12 decimals."""


def usd_text(pico: int) -> str:
    """Pico-USD as decimal USD with exactly 12 decimals: 12_000_000 is `0.000012000000`."""
    whole, part = divmod(abs(pico), PICO_PER_USD)
    return f"{'-' if pico < 0 else ''}{whole}.{part:012d}"


def pico_from_usd(text: str) -> int:
    """Decimal USD as pico-USD: `-1.5` is -1_500_000_000_000.

    Digits, optionally a leading minus, a point and at most 12 decimals. Raises `InvalidAmount`
    for anything else: no exponent, plus sign, blank, `nan`, `inf` or bare point.
    """
    digits = text.removeprefix("-")
    whole, point, part = digits.partition(".")
    if (
        len(text) > _CHARACTERS_MAX
        or not digits.isascii()
        or not whole.isdigit()
        or len(part) > DECIMALS
        or (point and not part.isdigit())
    ):
        raise InvalidAmount(f"{text[:_CHARACTERS_MAX]!r} is no amount of USD")
    pico = int(whole) * PICO_PER_USD + int(part.ljust(DECIMALS, "0"))
    return -pico if text.startswith("-") else pico


def nano_ceiling(pico: int) -> int:
    """Pico-USD as nano-USD (1e-9 USD), rounded up, so that a budget never counts too little."""
    return -(-pico // PICO_PER_NANO)
