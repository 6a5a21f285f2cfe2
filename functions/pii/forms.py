"""What a text says of itself, without a model: fields with a name, companies with a legal form."""

import re
from collections.abc import Iterator

from common.redaction.found import Found

FIELD_SCORE = 0.85
LEGAL_FORM_SCORE = 0.85

# What stands before a colon and says what stands behind it. A plain `name` is a program's as often
# as a person's: there the model decides whether it is one (`recognizers`).
_FIELDS = (
    (
        "PERSON",
        r"(?:full|first|last|given|family)[ _-]?name|surname|cardholder|next of kin"
        r"|emergency contact|vorname|nachname|prénom",
        0,
    ),
    # One word may be anything.
    ("PERSON", r"(?:customer|patient|applicant|employee|passenger|beneficiary)(?:[ _-]name)?", 1),
    (
        "LOCATION",
        r"city|town|village|country|county|province|birthplace|place of birth|hometown|residence"
        r"|stadt|wohnort|ville|pays|ciudad|país",
        0,
    ),
    (
        "ORGANIZATION",
        r"company|employer|organi[sz]ation|company[ _-]name|firm|supplier|firma|arbeitgeber"
        r"|entreprise|empresa",
        0,
    ),
)
# Up to five words of a name, in one line, cell or string; particles are small.
_WORD = r"[^\W\d_a-zß-ÿ][^\W\d_]*\.?(?:['\u2019-][^\W\d_]+)*"
_PARTICLE = r"(?:(?:de|del|della|der|den|di|da|van|von|la|le|al|bin|ibn|y|e|aan|sur|am|of|the)\s)"


def _name(further: int) -> str:
    """A pattern for one word and at least so many more."""
    return rf"{_WORD}(?:[^\S\n]{_PARTICLE}{{0,2}}{_WORD}){{{further},4}}"


_FIELD = [
    (
        entity,
        re.compile(
            rf"(?<![^\W_])(?i:{names})[\"'*]*\s?[:=]\s?[\"'*]*(?P<value>{_name(further)})"
            r"(?=\s*(?:[\"'*,;|)}\n]|\.?$))"
        ),
    )
    for entity, names, further in _FIELDS
]
_LEGAL_FORM = (
    r"(?:Inc|Corp|Co|Ltd|LLC|LLP|PLC|plc|Pvt\.?\s?Ltd|Pty|GmbH(?:\s&\sCo\.\s?KG)?|AG|KG|KGaA|OHG|GbR"
    r"|e\.\s?K|SE|mbH|S\.?A\.?S|S\.?A\.?R\.?L|SARL|S\.?A|S\.?L\.?U?|S\.?p\.?A|SPA|s\.r\.l|S\.?r\.?l"
    r"|B\.?V|N\.?V|V\.O\.F|A/S|ApS|AB|Oy|s\.c|Sp\.\s?j|Sp\.\s?k|Sp\.\s?z\so\.\s?o|S\.Coop|e\sfigli"
    r"|et\sFils|and\sSons)"
)
_COMPANY = re.compile(rf"(?<!\w){_name(0)},?[^\S\n]{_LEGAL_FORM}(?!\w)\.?")
ENDS_IN_LEGAL_FORM = re.compile(rf"(?<!\w){_LEGAL_FORM}\.?$")


def fields(text: str) -> Iterator[Found]:
    """Values of fields such as `name: …`, `"city": "…"`, `company=…`."""
    if ":" not in text and "=" not in text:
        return
    for entity, pattern in _FIELD:
        for match in pattern.finditer(text):
            yield Found(*match.span("value"), entity, FIELD_SCORE)


def companies(text: str) -> Iterator[Found]:
    """Names that end in a legal form."""
    for match in _COMPANY.finditer(text):
        yield Found(*match.span(), "ORGANIZATION", LEGAL_FORM_SCORE)
