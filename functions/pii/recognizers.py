"""From a model's labels to entities: how sure, and where exactly; dates of birth by their context.

A recogniser of spaCy gives no scores. A label's own is what such a label is worth in running text;
a word that names its kind nearby makes it surer, the look of a product, a hash or a command makes
it so unsure that the default threshold (0.5) leaves it out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from common.redaction.found import Found, resolve
from functions.pii.forms import ENDS_IN_LEGAL_FORM, companies, fields
from functions.pii.techniques import TECHNIQUES

# Goes up with whatever changes findings: what was found by other rules is not recalled.
RULES_VERSION = 1
# Before a finding, in characters: as far as a word of context may stand.
CONTEXT_CHARACTERS = 40


class Labelled(NamedTuple):
    """Characters `start` to `end` (exclusive) have the model's own label."""

    start: int
    end: int
    label: str


class Kind(NamedTuple):
    """What a label stands for, and how sure it is with and without a word of context."""

    entity: str
    score: float
    score_in_context: float


PERSON = Kind("PERSON", 0.8, 0.95)
LOCATION = Kind("LOCATION", 0.75, 0.9)
ORGANIZATION = Kind("ORGANIZATION", 0.6, 0.85)
NRP = Kind("NRP", 0.75, 0.9)
DATE_OF_BIRTH = "DATE_OF_BIRTH"
DATE_OF_BIRTH_SCORE = 0.9
UNSURE = 0.3
# spaCy's labels: OntoNotes (English and others), WikiNER (German, French, Spanish and others).
KINDS = {
    "PERSON": PERSON,
    "PER": PERSON,
    "GPE": LOCATION,
    "LOC": LOCATION,
    "FAC": LOCATION,
    "ORG": ORGANIZATION,
    "NORP": NRP,
}
_DATES = ("DATE",)

_CONTEXT = {
    "PERSON": re.compile(
        r"\b(?:mr|mrs|ms|miss|mx|dr|prof|sir|dear|hi|hello|hey|regards|sincerely|cheers|name|named"
        r"|called|patient|customer|client|employee|applicant|tenant|colleague|contact|attn"
        r"|herrn?|frau|name|madame|monsieur|mme|señora?|sra?|signora?|pan|pani)\b\.?[\s:,]*"
        r"(?:is\s+)?$",
        re.IGNORECASE,
    ),
    "LOCATION": re.compile(
        r"\b(?:lives?|living|based|located|born|moved|flying|flight|travel(?:s|led|ling)?|city"
        r"|country|address|office|wohnt|habite|vive)\b[^.!?\n]{0,20}$",
        re.IGNORECASE,
    ),
    "ORGANIZATION": re.compile(
        r"\b(?:works?|working|worked|employed|employer|company|firm|bank|supplier|vendor|hired)\b"
        r"[^.!?\n]{0,20}$",
        re.IGNORECASE,
    ),
    "NRP": re.compile(
        r"\b(?:nationality|citizen|religion|ethnicity)\b[^.!?\n]{0,12}$", re.IGNORECASE
    ),
}
# And what right behind it does.
_SAID_OF_PERSON = re.compile(
    r",?\s(?:(?:is|was)\s)?(?:born|married|aged|lives in|works (?:for|at))\b", re.IGNORECASE
)
# What right before a name says which kind it is, whatever the model takes it for.
_SAID = {
    PERSON: re.compile(
        r"\b(?:mr|mrs|ms|miss|dr|prof|dear|(?:name is|named|colleague|daughter|son|boss|wife"
        r"|husband|this is))\.?\s$|\b(?:name|author|assignee|client|guest)[\"']?\s?[:=]\s?[\"']?$",
        re.IGNORECASE,
    ),
    LOCATION: re.compile(
        r"\b(?:(?:live|living|born|based|located|lives|lived|arrived?|resides?) (?:in|near)"
        r"|(?:moved|moving|moves|travel\w*|flew|flight|shipping|retired) to)\s$",
        re.IGNORECASE,
    ),
    ORGANIZATION: re.compile(
        r"\b(?:work(?:s|ed|ing)? (?:for|at)|employed (?:by|at)|hired by|years at)\s$", re.IGNORECASE
    ),
}
_COMPANY = re.compile(
    r"\b(?:Inc|Corp|Corporation|Co|Company|Ltd|Limited|LLC|LLP|PLC|plc|GmbH|AG|KG|SE|S\.?A|SARL"
    r"|B\.?V|N\.?V|S\.?p\.?A|Group|Holdings?|Bank|University|Hospital|Institute|Foundation"
    r"|Ministry|Department)\b\.?"
)
# What belongs to no name: marks around it, a possessive, a title, an article.
_APOSTROPHES = "'\u2019"
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_BEFORE = re.compile(
    rf"(?:[\s{_QUOTES}(\[{{<*_`#>|:;,.-]|\b(?:the|an?|mr|mrs|ms|dr|prof)\b\.?\s)+", re.IGNORECASE
)
_AFTER = re.compile(rf"(?:[{_APOSTROPHES}]s?\b|[\s{_QUOTES})\]}}>*_`#|:;,-])+$")
_LINE = re.compile(r"[^\n\r\t|]+")
# A digit, a path, a command, an identifier: `S3`, `C4`, `v2.1`, `foo_bar`, `git@`, `camelCase`.
_TECHNICAL = re.compile(r"[0-9_/\\@=<>{}()\[\]$%^~`+*#|:;]|[a-z][A-Z]|::|--|\.\w+\(|\.[a-z]{2,4}$")
_MIXED_NAME = re.compile(rf"\b(?:Ma?c|De|La|Le|Di|Fitz|Van|O[{_APOSTROPHES}])[A-Z][a-z]+")
# Words of forms and offices, which stand where names stand.
_ROLES = frozenset("ceo cfo cio cto city coo country date dob hr it manager name vp".split())  # noqa: SIM905
_IN_CODE_BEFORE = re.compile(r"(?:[_/\\@$]|--|(?:^|\s)-)$")
# A name that a colon follows is a field's own.
_IN_CODE_AFTER = re.compile(r"[_(=\\:]|[/.]\w|[\"']\s?:")
_UPPER = re.compile(r"[A-Z][A-Z&.-]*")
_PLACES_IN_CAPITALS = frozenset(
    {"USA", "UK", "UAE", "EU", "NYC", "U.S", "U.S.", "U.K", "U.K.", "US", "LA", "DC", "D.C."}
)
_BORN = re.compile(
    r"(?<![A-Za-z])(?:born|birth(?:day|date)?|d\.?\s?o\.?\s?b|geb(?:oren|urtsdatum)?|née?|naissance"
    r"|nacid[oa]|nacimiento|nat[oa]|nascita|nascid[oa]|nascimento|geboortedatum|urodzon[ya]"
    r"|urodzenia)(?![A-Za-z])",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    rf"\b(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{_MONTH}\.?,?\s+\d{{4}}"
    rf"|{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}})\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:1[89]|20)\d\d\b")


def find(text: str, labelled: Sequence[Labelled]) -> list[Found]:
    """The entities of a text whose labels a model gave; in order, without overlaps."""
    certain = [*fields(text), *companies(text)]
    named = [
        one
        for one in _named(text, labelled)
        # What a field or a legal form says of a name goes before what the model makes of it.
        if not any(one.start < other.end and other.start < one.end for other in certain)
    ]
    return resolve([*certain, *named, *_births(text, labelled)])


def _named(text: str, labelled: Iterable[Labelled]) -> Iterator[Found]:
    for one in labelled:
        if (kind := KINDS.get(one.label)) is None:
            continue
        # A name does not go on in another line or column, whatever the model says.
        for line in _LINE.finditer(text, one.start, one.end):
            start, end = _trimmed(text, *line.span())
            if start < end:
                meant = _meant(text, start, end, kind)
                score = _score(text, start, end, meant)
                if score is not None:
                    yield Found(start, end, meant.entity, score)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    if (before := _BEFORE.match(text, start, end)) is not None:
        start = before.end()
    if (after := _AFTER.search(text, start, end)) is not None:
        end = after.start()
    return start, end


def _meant(text: str, start: int, end: int, kind: Kind) -> Kind:
    """The kind that the words right before it leave no doubt of, else the model's."""
    if ENDS_IN_LEGAL_FORM.search(text, start, end) is not None:
        return ORGANIZATION
    before = text[max(start - CONTEXT_CHARACTERS, 0) : start]
    for other, said in _SAID.items():
        if said.search(before) is not None:
            return other
    return kind if _SAID_OF_PERSON.match(text, end) is None else PERSON


def _score(text: str, start: int, end: int, kind: Kind) -> float | None:
    """How sure; None where there is no letter in it."""
    name = text[start:end]
    if not any(character.isalpha() for character in name):
        return None
    if _is_technical(text, start, end, kind):
        return UNSURE
    before = text[max(start - CONTEXT_CHARACTERS, 0) : start]
    if _CONTEXT[kind.entity].search(before) is not None:
        return kind.score_in_context
    if kind is ORGANIZATION and _COMPANY.search(name) is not None:
        return kind.score_in_context
    return kind.score


def _is_technical(text: str, start: int, end: int, kind: Kind) -> bool:
    name = text[start:end]
    if len(name) == 1 or name.casefold() in TECHNIQUES | _ROLES:
        return True
    if _IN_CODE_BEFORE.search(text, max(start - 3, 0), start) or _IN_CODE_AFTER.match(text, end):
        return True
    words = name.split()
    if all(word.casefold().strip(".,") in TECHNIQUES for word in words):
        return True
    if _TECHNICAL.search(_MIXED_NAME.sub("", name)) is not None:
        return True
    if kind is not ORGANIZATION and _UPPER.fullmatch(name) and len(name) < 6:
        return name not in _PLACES_IN_CAPITALS
    # Names begin with a capital where the script has capitals.
    return kind is not NRP and name.islower()


def _births(text: str, labelled: Iterable[Labelled]) -> Iterator[Found]:
    """Dates that stand behind a word of birth, in the same sentence or field."""
    words = [word.end() for word in _BORN.finditer(text)]
    if not words:
        return
    nearest: dict[int, tuple[int, int]] = {}
    dates = [date.span() for date in _DATE.finditer(text)]
    dates += [
        (one.start, one.end)
        for one in labelled
        if one.label in _DATES and _YEAR.search(text, one.start, one.end) is not None
    ]
    for start, end in sorted(dates, reverse=True):
        for word in words:
            if 0 <= start - word <= CONTEXT_CHARACTERS and "\n\n" not in text[word:start]:
                nearest[word] = start, end
    for start, end in set(nearest.values()):
        yield Found(start, end, DATE_OF_BIRTH, DATE_OF_BIRTH_SCORE)
