"""IBANs: a country's length and the check digits of ISO 13616 (mod 97 of ISO 7064)."""

import re

from common.redaction.detectors.base import SURE, PatternDetector, always
from common.redaction.entities import IBAN
from common.redaction.found import Found

# Source: SWIFT's IBAN registry.
_LENGTHS = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NL": 18,
    "NO": 15,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SC": 31,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
}
_PATTERN = r"[0-9](?<=[A-Za-z]{2}[0-9])(?<![\w-][A-Za-z]{2}[0-9])[0-9](?:[ -]?[A-Za-z0-9]){11,30}"


class IbanDetector(PatternDetector):
    """In one piece or in groups; as long as the country says: words may follow without a mark."""

    def __init__(self) -> None:
        super().__init__(IBAN, _PATTERN, always(SURE), lead=2)

    def _found(self, text: str, match: "re.Match[str]") -> Found | None:
        start = match.start() - 2
        length = _LENGTHS.get(text[start : start + 2].upper(), 0)
        characters = 0
        for end in range(start, match.end()):
            characters += text[end].isalnum()
            if characters == length:
                inside = end + 1 < len(text) and text[end + 1].isalnum()
                if inside or not _passes(text[start : end + 1]):
                    return None
                return Found(start, end + 1, IBAN, SURE)
        return None


def _passes(written: str) -> bool:
    code = written.replace(" ", "").replace("-", "").upper()
    number = "".join(str(int(character, 36)) for character in code[4:] + code[:4])
    return int(number) % 97 == 1
