"""Payment cards: issuer's range and length, and Luhn's check digit (ISO/IEC 7812-1)."""

import re

from common.redaction.detectors.base import LONG_NUMBER, SURE, PatternDetector, digits_of
from common.redaction.entities import CARD

# First digits from, to; lengths. Sources: the issuers' published ranges.
_ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),  # Diners Club
    ("38", "39", (14, 16)),  # Diners Club
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "649", (16, 19)),  # Discover
    ("65", "65", (16, 19)),  # Discover, RuPay
    ("3528", "3589", (16, 19)),  # JCB
    ("1800", "1800", (15,)),  # JCB
    ("2131", "2131", (15,)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("2200", "2204", (16,)),  # Mir
    ("6759", "6759", (16, 18, 19)),  # Maestro
    ("6761", "6763", (16, 18, 19)),  # Maestro
    ("5018", "5018", (16, 18, 19)),  # Maestro
    ("5020", "5020", (16, 18, 19)),  # Maestro
    ("5038", "5038", (16, 18, 19)),  # Maestro
)
_PATTERN = r"[1-6](?<![\w.,/-]\d)(?<!\d[ ]\d)(?:[ -]?\d){13,18}(?![\w-]|[.,]\d)"


def card_detector() -> PatternDetector:
    """Numbers in one piece, or in groups divided by one kind of blank or hyphen."""
    return PatternDetector(CARD, _PATTERN, _judge, gate=LONG_NUMBER)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _judge(_text: str, match: "re.Match[str]") -> float | None:
    written = match.group()
    if " " in written and "-" in written:
        return None
    digits = digits_of(written)
    if not _is_issued(digits) or not passes_luhn(digits) or not _is_grouped(written):
        return None
    # `4000 0000 0000 0000` and the like are amounts and examples of a form.
    return None if len(set(digits[4:-1])) == 1 and digits[5] == "0" else SURE


def _is_issued(digits: str) -> bool:
    return any(
        first <= digits[: len(first)] <= last and len(digits) in lengths
        for first, last, lengths in _ISSUERS
    )


def _is_grouped(written: str) -> bool:
    """Groups of four, or of 4-6-5 and 4-6-4; a list of small numbers is no card."""
    groups = [len(group) for group in re.split("[ -]", written)]
    return len(groups) == 1 or all(4 <= size <= 6 for size in groups[:-1])
