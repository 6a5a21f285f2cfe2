"""Phone numbers: a pattern finds candidates, libphonenumber's rules judge them.

Its data know the lengths and ranges of every country; rules of our own would miss most of them.
It is imported when the first such detector is made.
"""

import re
from collections.abc import Iterator

from common.redaction.detectors.base import (
    LIKELY,
    LONG_NUMBER,
    REACH,
    SURE,
    THRESHOLD,
    UNSURE,
    digits_of,
    has_context,
)
from common.redaction.entities import PHONE
from common.redaction.found import Found

_CANDIDATE = re.compile(
    r"[+(0-9](?<![\w.,/+#$€£(-][+(0-9])[+]?(?:[ ]?[-./()]?[ ]?[0-9]|[)][ ]?[(]?[0-9]){6,16}"
    r"(?:[ ]?(?:x|ext\.?)[ ]?[0-9]{1,6})?(?![\w-]|[.,/:][0-9]|[ ]?[%€$£])"
)
_WORDS = re.compile(
    r"\b(?:phone|telephone|tel|call|calling|mobile|cell|fax|dial|text|sms|whatsapp|reach|hotline"
    r"|(?:my|his|her|our|your|their) number|handy|telefon|rufnummer|telefoon"
    r"|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil|celular|cellulare|telefone|telem[óo]vel)\b",
    re.IGNORECASE,
)
# Dates, ranges of years, addresses of networks: digits and marks as well.
_OTHER = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{4} ?- ?\d{4}"
    r"|\d{1,3}(?:\.\d{1,3}){3}|\d{3}-\d\d-\d{4}|\d{1,3}(?: \d{3})+|\d{1,3}(?:\.\d{3})+)\Z"
)

_MARKED = re.compile(r"(?:1[-. ])?\d{3}([-.])\d{3}\1\d{4}(?:[ ]?(?:x|ext).*)?")


class PhoneDetector:
    """Numbers with a country's code anywhere; national ones of the regions that are named."""

    entities = frozenset({PHONE})
    gate = LONG_NUMBER

    def __init__(self, regions: tuple[str, ...] = ("US",), threshold: float = THRESHOLD) -> None:
        """`regions`: ISO 3166 codes. Raises `ValueError` for one that has no numbering plan.

        What cannot reach the threshold is not judged: a judgement takes 40 µs a region.
        """
        import phonenumbers

        unknown = [region for region in regions if region not in phonenumbers.SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"no region with phone numbers: {unknown[0]!r} (e.g. US, GB, DE)")
        self._library = phonenumbers
        self._regions = regions
        self._threshold = threshold

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        limit = min(len(text), stop + REACH)
        while start < stop:
            match = _CANDIDATE.search(text, start, limit)
            if match is None or match.start() >= stop:
                return
            score = self._score(text, match)
            if score is None:
                # After an amount or a date comes no number that begins in its middle.
                start = match.end() if _OTHER.match(match.group()) else match.start() + 1
                yield None
            else:
                start = match.end()
                yield Found(match.start(), start, PHONE, score)

    def _score(self, text: str, match: "re.Match[str]") -> float | None:
        written = match.group()
        digits = digits_of(re.split("x|ext", written)[0])
        if not 7 <= len(digits) <= 15:
            return None
        if written.startswith(("+", "(+")):
            return self._judged(written, None, sure=SURE, possible=LIKELY)
        if _OTHER.match(written):
            return None
        context = has_context(text, match, _WORDS)
        possible = LIKELY if context else None
        if digits.startswith("00"):
            # What follows `00` is written as it would be after `+`.
            abroad = "+" + written.partition("00")[2]
            score = self._judged(abroad, None, sure=SURE if context else LIKELY, possible=possible)
            if score is not None:
                return score
        # The area in parentheses, or three groups of a national number, the last of four.
        marked = written.startswith("(") or _MARKED.fullmatch(written)
        sure = SURE if context else LIKELY if marked else UNSURE
        if sure < self._threshold:
            return None
        best = None
        for region in self._regions:
            score = self._judged(written, region, sure=sure, possible=possible)
            if score == sure:
                return score
            best = best or score
        return best

    def _judged(
        self, written: str, region: str | None, *, sure: float, possible: float | None
    ) -> float | None:
        """The score of a number that is given out, or of one of a length that is."""
        library = self._library
        try:
            number = library.parse(written, region)
        except library.NumberParseException:
            return None
        if library.is_valid_number(number):
            return sure
        reason = library.is_possible_number_with_reason(number)
        return possible if reason == library.ValidationResult.IS_POSSIBLE else None
