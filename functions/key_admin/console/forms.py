"""Forms: their fields are named as the API's, so that its errors fall beside them. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

# `texts` are lines that may have commas, `verbatim` a text whose blanks at its ends count,
# `decimal` a figure that the API takes as a text, such as money.
Kind = Literal[
    "text",
    "integer",
    "number",
    "decimal",
    "lines",
    "choices",
    "texts",
    "moment",
    "flag",
    "verbatim",
    "names",
    "headers",
]
# Without the blanks around it: looked for from each of many blanks, they would take quadratic time.
_BECOMES = re.compile(r"=>|=|→")
# More figures than any bound has: Python reads no text of thousands of them.
_FIGURES = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")
# Figures as a language writes them, where they can be read in no other way: `1.234` may be a German
# thousand or the API's decimal, so it is the API's, and an English `1,234` is refused.
_WITH_POINT = re.compile(r"\d{1,3}((,\d{3})+\.\d+|(,\d{3}){2,})")
_WITH_COMMA = {
    "en": re.compile(r"\d*,(\d{1,2}|\d{4,})"),
    "de": re.compile(r"\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}|\d*,\d+"),
}
_THOUSANDS = {
    "en": re.compile(r"\d{1,3}(,\d{3})+"),
    "de": re.compile(r"\d{1,3}(\.\d{3})+"),
}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Input(msgspec.Struct, frozen=True):
    """A field by the path of its member: `limits.window.minutes`, `budgets[0].usd`."""

    path: str
    kind: Kind = "text"


def members(
    fields: Iterable[Input], given: Mapping[str, str], language: str = "en"
) -> dict[str, Any]:
    """What was typed as the members of a body. A blank field gives none.

    Figures are read as `language` writes them, and as the API does. What should be a figure and is
    none stays a text: the API says what it wants.
    """
    found: dict[str, Any] = {}
    for field in fields:
        value = _value(field, given.get(field.path, ""), language)
        if value is not None:
            _put(found, field.path, value)
    whole: dict[str, Any] = _without_gaps(found)
    return whole


def figure(text: str, language: str = "") -> int | str:
    """What was typed as a whole number; what is none stays a text: the API says what it wants."""
    plain = text.replace(" ", "").replace("_", "")
    if language and _THOUSANDS[language].fullmatch(plain):
        plain = plain.replace(",", "").replace(".", "")
    return int(plain) if _FIGURES.fullmatch(plain) else text


def decimal(text: str, language: str) -> str:
    """A figure as the API writes it, of one as the language does; any other text as it is."""
    plain = text.strip()
    if _WITH_COMMA[language].fullmatch(plain):
        return plain.replace(".", "").replace(",", ".")
    if language == "en" and _WITH_POINT.fullmatch(plain):
        return plain.replace(",", "")
    return plain


def count(text: str) -> int:
    """A count of an address or a hidden field; 0 for whatever else stands there."""
    given = figure(text)
    return given if isinstance(given, int) and given > 0 else 0


def flattened(value: Any, path: str = "") -> dict[str, str]:
    """The members of an answer as a form shows them, by path."""
    match value:
        case dict():
            found: dict[str, str] = {}
            for name, member in value.items():
                found |= flattened(member, f"{path}.{name}" if path else name)
            return found
        case list() if all(isinstance(one, str) for one in value):
            return {path: "\n".join(value)}
        case list():
            found = {}
            for place, one in enumerate(value):
                found |= flattened(one, f"{path}[{place}]")
            return found
        case None:
            return {path: ""}
        case bool():
            return {path: "on" if value else ""}
        case _:
            return {path: str(value)}


def pairs(kind: Kind, value: Any) -> str:
    """A map as it is typed, a line each: `requested = served`, or `name: value`.

    What is no map, but was sent as one, is shown as it was typed.
    """
    if not isinstance(value, dict):
        return str(value or "")
    if kind == "headers":
        return "\n".join(f"{name}: {text}" for name, text in value.items())
    return "\n".join(a if a == b else f"{a} = {b}" for a, b in value.items())


def _map(kind: Kind, text: str) -> Any:
    """What `pairs` shows, as a map; the text itself where it is none: the API says so."""
    found: dict[str, str] = {}
    for line in re.split(r"\n" if kind == "headers" else r"[\n,]", text):
        if not line.strip():
            continue
        if kind == "headers":
            name, sign, value = line.partition(":")
            if not sign:
                return text
        else:
            name, *rest = _BECOMES.split(line.strip(), 1)
            value = rest[0] if rest else name
        found[name.strip()] = value.strip()
    return found or None


def _value(field: Input, text: str, language: str) -> Any:
    given, text = text, text.strip()
    match field.kind:
        case "number" if _NUMBER.fullmatch(decimal(text, language)):
            return float(decimal(text, language))
        case "flag":
            return text == "on"
        case "lines" | "choices" | "texts":
            ends = r"\n" if field.kind == "texts" else r"[\n,]"
            return [one.strip() for one in re.split(ends, text) if one.strip()] or None
        case "names" | "headers":
            return _map(field.kind, text)
        case _ if not text:
            return None
        case "integer":
            return figure(text, language)
        case "decimal":
            return decimal(text, language)
        case _:
            return given if field.kind == "verbatim" else text


def _put(found: dict[str, Any], path: str, value: Any) -> None:
    steps: list[str | int] = [name or int(place) for name, place in _STEP.findall(path)]
    at: Any = found
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            while len(at) <= step:
                at.append(None)
            if at[step] is None:
                at[step] = fresh
            at = at[step]
        else:
            at = at.setdefault(step, fresh)


def _without_gaps(value: Any) -> Any:
    """Lists without the rows that were left blank."""
    if isinstance(value, dict):
        return {name: _without_gaps(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_gaps(one) for one in value if one is not None]
    return value
