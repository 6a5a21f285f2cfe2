"""National ids: their form, their check digits, and words near them where those are too weak.

One of eleven numbers of nine digits is a BSN by its check digit; so plain digits are an id only
where a word of the country says so, unless the form itself is rare enough.
"""

import re
from collections.abc import Callable

from common.redaction import entities
from common.redaction.detectors import check_digits
from common.redaction.detectors.base import (
    LIKELY,
    LONG_NUMBER,
    SURE,
    UNSURE,
    Judge,
    PatternDetector,
    has_context,
)

_D = r"[0-9](?<![\w.,/+=:#-][0-9])"
_END = r"(?![\w-]|[.,/:][0-9])"
_MARKS = str.maketrans("", "", " .-/")
_WORDS = {
    entities.US_SSN: r"\bssn\b|social security|\bss#|soc\. sec",
    entities.DE_TAX_ID: r"steuer|\bidnr\b|\btin\b|tax id|\bst-?id\b",
    entities.FR_NIR: r"\bnir\b|s[ée]curit[ée] sociale|\binsee\b|num[ée]ro de s[ée]cu",
    entities.BR_CPF: r"\bcpf\b",
    entities.NL_BSN: r"\bbsn\b|burgerservice|sofi-?nummer",
    entities.PL_PESEL: r"\bpesel",
    entities.UK_NINO: r"\bnino\b|national insurance|\bni number|\bni no",
    entities.ES_DNI: r"\bdni\b|\bnif\b",
}


def _judge(
    entity: str, check: Callable[[str], bool], *, plain: float, marked: float, lead: int
) -> Judge:
    """`plain` and `marked`: how sure an id in one piece, or with its marks, is without a word."""
    words = re.compile(_WORDS[entity], re.IGNORECASE) if entity in _WORDS else None

    def judge(text: str, match: "re.Match[str]") -> float | None:
        written = text[match.start() - lead : match.end()]
        code = written.translate(_MARKS).upper()
        if not check(code):
            return None
        if words is not None and has_context(text, match, words):
            return SURE
        if not written.isupper() and entity == entities.UK_NINO:
            return UNSURE
        return plain if len(code) == len(written) else marked

    return judge


_FORMS: dict[str, tuple[str, Callable[[str], bool], float, float]] = {
    entities.US_SSN: (
        _D + r"\d\d(?:-\d\d-|[ ]\d\d[ ]|\d\d)\d{4}" + _END,
        *(check_digits.is_ssn, UNSURE, LIKELY),
    ),
    entities.UK_NINO: (
        r"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z](?<![\w-][A-Za-z])[A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
        r"[ ]?\d\d[ ]?\d\d[ ]?\d\d[ ]?[A-Da-d](?![\w-])",
        *(check_digits.is_nino, LIKELY, LIKELY),
    ),
    entities.DE_TAX_ID: (
        _D + r"\d(?:[ ]\d{3}[ ]\d{3}[ ]|\d{6})\d{3}" + _END,
        *(check_digits.is_steuer_id, UNSURE, LIKELY),
    ),
    entities.FR_NIR: (
        r"[1-478](?<![\w.,/+=:#-]\d)[ ]?\d\d[ ]?(?:0[1-9]|1[0-2]|[2-9]\d)[ ]?(?:\d\d|2[AB])"
        r"[ ]?\d{3}[ ]?\d{3}[ ]?\d\d" + _END,
        *(check_digits.is_nir, LIKELY, SURE),
    ),
    entities.ES_DNI: (
        _D + r"\d(?:\.\d{3}\.|\d{3})\d{3}-?[A-HJ-NP-TV-Z](?![\w-])",
        *(check_digits.is_dni, LIKELY, LIKELY),
    ),
    entities.ES_NIE: (
        r"[XYZ](?<![\w-][XYZ])-?\d{7}-?[A-HJ-NP-TV-Z](?![\w-])",
        *(check_digits.is_dni, LIKELY, LIKELY),
    ),
    entities.IT_FISCAL_CODE: (
        r"[0-9](?<=[A-Za-z]{6}[0-9])(?<![\w-][A-Za-z]{6}[0-9])[0-9][ABCDEHLMPRSTabcdehlmprst]"
        r"[0-9]{2}[A-Za-z][0-9]{3}[A-Za-z](?![\w-])",
        *(check_digits.is_codice_fiscale, SURE, SURE),
    ),
    entities.BR_CPF: (
        _D + r"\d\d(?:\.\d{3}\.\d{3}-|\d{6})\d\d" + _END,
        *(check_digits.is_cpf, UNSURE, SURE),
    ),
    entities.NL_BSN: (
        _D + r"\d{3}(?:\.\d\d\.|\d\d)\d{3}" + _END,
        *(check_digits.is_bsn, UNSURE, UNSURE),
    ),
    entities.PL_PESEL: (
        _D + r"\d{10}" + _END,
        *(check_digits.is_pesel, UNSURE, UNSURE),
    ),
}


# Six letters stand before the first digit that the pattern searches.
_LEADS = {entities.IT_FISCAL_CODE: 6}
# These have fewer than seven digits in a row.
_GATES = {entities.IT_FISCAL_CODE: None, entities.UK_NINO: None}


def national_id_detector(entity: str) -> PatternDetector:
    """The detector of one of `entities.NATIONAL_IDS`."""
    pattern, check, plain, marked = _FORMS[entity]
    lead = _LEADS.get(entity, 0)
    judge = _judge(entity, check, plain=plain, marked=marked, lead=lead)
    return PatternDetector(entity, pattern, judge, lead=lead, gate=_GATES.get(entity, LONG_NUMBER))
