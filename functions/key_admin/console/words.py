"""The console's words: one catalogue a language, with plural forms."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

LANGUAGES = {"en": "English", "de": "Deutsch"}
DEFAULT = "en"
_DIRECTORY = Path(__file__).parent / "messages"
Catalogue = Mapping[str, "str | dict[str, str]"]


class Words:
    """One language. A word that is missing is a fault of ours: `KeyError`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text, with `{name}`s filled in. With `n` the plural form that it asks for."""
        text = self._catalogue[key]
        if not isinstance(text, str):
            text = text[plural_form(values["n"])]
        return text.format(**values) if values else text

    def or_as_is(self, prefix: str, value: object, **values: object) -> str:
        """The word for a value that has one, else the value: a new one is shown as it is."""
        text = self._catalogue.get(f"{prefix}.{value}")
        if not isinstance(text, str):
            return str(value)
        return text.format(**values) if values else text


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Catalogue:
    """All words of a language, by key."""
    content = (_DIRECTORY / f"{language}.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, str | dict[str, str]])


def plural_form(count: object) -> str:
    """English and German have the same two (Unicode CLDR)."""
    return "one" if str(count) == "1" else "other"


def preferred(accepted: str) -> str:
    """The language of `accept-language` that there is, by its weights; else English."""
    weighted: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        tag, _, weight = part.partition(";q=")
        try:
            weighted.append((float(weight or 1), tag.strip()[:2].lower()))
        except ValueError:
            continue
    weighted.sort(key=lambda one: -one[0])
    return next((tag for weight, tag in weighted if tag in LANGUAGES and weight), DEFAULT)
