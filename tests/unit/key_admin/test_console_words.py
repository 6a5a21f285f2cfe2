"""The console's catalogues: whole in each language, and nothing in a template without a word."""

import re
from pathlib import Path
from string import Formatter

import pytest

from functions.key_admin import console, portal
from functions.key_admin.console.words import LANGUAGES, Words, catalogue, preferred

DIRECTORIES = [Path(one.__file__).parent for one in (console, portal)]
SOURCES = [
    path.read_text() for one in DIRECTORIES for path in [*one.rglob("*.html"), *one.rglob("*.py")]
]
# A word by its name, and words whose last part is a value's: t('status.' ~ one), or_as_is('health'.
NAMED = {name for text in SOURCES for name in re.findall(r"\bt\(\s*'([\w.]+\w)'\s*[,)]", text)}
NAMED |= {name for text in SOURCES for name in re.findall(r"words\(\"([\w.]+\w)\"", text)}
PREFIXES = {name for text in SOURCES for name in re.findall(r"\bt\('([\w.]+[._])' ~", text)}
PREFIXES |= {
    f"{name}." for text in SOURCES for name in re.findall(r"or_as_is\(['\"](\w+)['\"]", text)
}
# Whose first part is a value: t(section ~ '.new'), t('act.' ~ act ~ '_title').
OTHERS = {"teams.new", "users.new", "keys.made", "keys.rotated"}


def fields(text):
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("language", set(LANGUAGES) - {"en"})
def test_each_language_has_the_same_words(language):
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for name, text in english.items():
        assert fields(other[name]) == fields(text), name
        assert isinstance(other[name], dict) == isinstance(text, dict), name
        if isinstance(text, dict):
            assert text.keys() == other[name].keys() == {"one", "other"}, name


def test_every_word_that_is_used_is_there_and_every_other_is_used():
    words = set(catalogue("en"))
    assert NAMED - words == set()
    assert [one for one in PREFIXES if not any(word.startswith(one) for word in words)] == []
    by_value = {word for word in words if word.startswith((*PREFIXES, "time."))}
    assert words - NAMED - by_value - OTHERS == set()


def test_plural_forms():
    english, german = Words("en"), Words("de")
    assert [english("time.minutes", n=n) for n in (1, 2)] == ["1 minute ago", "2 minutes ago"]
    assert [german("time.days", n=n) for n in (1, 0)] == ["vor 1 Tag", "vor 0 Tagen"]


def test_a_value_without_a_word_is_shown_as_it_is():
    assert Words("de").or_as_is("status", "revoked") == "widerrufen"
    assert Words("de").or_as_is("status", "brand-new") == "brand-new"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.5, de;q=0.6", "de"),
        ("fr, en;q=0.1", "en"),
        ("de;q=0", "en"),
        ("", "en"),
        ("de;q=x", "en"),
    ],
)
def test_the_browsers_language(accepted, language):
    assert preferred(accepted) == language
