"""Phone numbers: a pattern finds candidates, libphonenumber's rules judge them.

Its data know the lengths and ranges of every country; rules of our own would miss most of them.
It is imported when the first such detector is made.
"""

import re
from collections.abc import Iterator

from common.redaction.detectors.base import (
    LIKELY,
    REACH,
    SURE,
    UNSURE,
    digits_of,
    has_context,
)
from common.redaction.entities import PHONE
from common.redaction.found import Found

_CANDIDATE = re.compile(
    r"[+(0-9](?<![\w.,/+=#$€£(-][+(0-9])[+]?(?:[ ]?[-./()]?[ ]?[0-9]|[)][ ]?[(]?[0-9]){6,16}"
    r"(?![\w-]|[.,/:][0-9]|[ ]?[%€$£])"
)
_WORDS = re.compile(
    r"\b(?:phone|telephone|tel|call|calling|mobile|cell|fax|dial|text|sms|whatsapp|reach|hotline"
    r"|handy|telefon|rufnummer|telefoon|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil|celular"
    r"|cellulare|telefone|telem[óo]vel)\b",
    re.IGNORECASE,
)
# Dates, ranges of years, addresses of networks: digits and marks as well.
_OTHER = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{4} ?- ?\d{4}"
    r"|\d{1,3}(?:\.\d{1,3}){3}|\d{3}-\d\d-\d{4}|\d{1,3}(?: \d{3})+|\d{1,3}(?:\.\d{3})+)(?: .*)?\Z"
)


class PhoneDetector:
    """Numbers with a country's code anywhere; national ones of the regions that are named."""

    entities = frozenset({PHONE})

    def __init__(self, regions: tuple[str, ...] = ("US",)) -> None:
        """`regions`: ISO 3166 codes. Raises `ValueError` for one that has no numbering plan."""
        import phonenumbers

        unknown = [region for region in regions if region not in phonenumbers.SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"no region with phone numbers: {unknown[0]!r} (e.g. US, GB, DE)")
        self._library = phonenumbers
        self._regions = regions

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        limit = min(len(text), stop + REACH)
        while start < stop:
            match = _CANDIDATE.search(text, start, limit)
            if match is None or match.start() >= stop:
                return
            score = self._score(text, match)
            if score is None:
                start = match.start() + 1
                yield None
            else:
                start = match.end()
                yield Found(match.start(), start, PHONE, score)

    def _score(self, text: str, match: "re.Match[str]") -> float | None:
        written = match.group()
        digits = digits_of(written)
        if not 7 <= len(digits) <= 15:
            return None
        if written.startswith(("+", "(+")):
            return SURE if self._is_valid(written, None) else None
        if _OTHER.match(written):
            return None
        context = has_context(text, match, _WORDS)
        if digits.startswith("00") and self._is_valid("+" + digits[2:], None):
            return SURE if context else LIKELY
        if not any(self._is_valid(written, region) for region in self._regions):
            return None
        if context:
            return SURE
        # Three groups of a national number, the last of four, or the area in parentheses.
        marked = written.startswith("(") or re.fullmatch(
            r"(?:1[-. ])?\d{3}([-.])\d{3}\1\d{4}", written
        )
        return LIKELY if marked else UNSURE

    def _is_valid(self, written: str, region: str | None) -> bool:
        try:
            number = self._library.parse(written, region)
        except self._library.NumberParseException:
            return False
        return self._library.is_valid_number(number)
