"""What is wrong with a form: at its fields, in the words of its reader's language. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from functions.key_admin.console.formats import Formats
from functions.key_admin.console.words import Words
from functions.key_admin.models import patterns
from functions.key_admin.problem import FieldError, Problem

# Causes (pydantic's) that pages say alike, and patterns that they have words for.
_ALIKE = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "whole_number"),
    **dict.fromkeys(("float_parsing", "float_type"), "number"),
    **dict.fromkeys(("datetime_parsing", "datetime_from_date_parsing"), "time"),
    "blank": "missing",
}
_PATTERNS = {
    patterns.USD: "usd",
    patterns.EMAIL: "email",
    patterns.ONE_EMAIL: "email",
    patterns.DISCOUNT: "discount",
}
_PART_MAX = 60
_PLACE = re.compile(r"\[(\d{1,6})\]")


def said(words: Words, formats: Formats, error: FieldError) -> str:
    """In the reader's language where there are words for its cause, else as the API says it."""
    if error.cause == "string_pattern_mismatch":
        name = _PATTERNS.get(str(error.values.get("pattern")), "")
    else:
        name = _ALIKE.get(error.cause, error.cause)
    figures = {name: _shown(formats, value) for name, value in error.values.items()}
    text = words.or_as_is("fault", name, **figures)
    return error.message if text == name else text


def by_field(
    words: Words, formats: Formats, problem: Problem, values: Mapping[str, str]
) -> dict[str, str]:
    """By the fields of the form that shows `values`; what is of none stands above all."""
    found = beside(((one.field, said(words, formats, one)) for one in problem.errors), values)
    return found or {"": problem.detail}


def beside(errors: Iterable[tuple[str, str]], values: Mapping[str, str]) -> dict[str, str]:
    """Messages by field. What is wrong with a part of a field stands at it, with the part named."""
    found: dict[str, list[str]] = {}
    for path, message in errors:
        field = _field_of(path, values)
        part = _part(path.removeprefix(field), values.get(field, ""))
        found.setdefault(field, []).append(f"{part}: {message}" if part else message)
    return {field: " ".join(dict.fromkeys(messages)) for field, messages in found.items()}


def _field_of(path: str, values: Mapping[str, str]) -> str:
    if path in values:
        return path
    wholes = (name for name in values if path.startswith((f"{name}[", f"{name}.")))
    return max(wholes, key=len, default=path)


def _part(rest: str, text: str) -> str:
    """The line of a list as it was typed, or what stands at a line's beginning."""
    if place := _PLACE.match(rest):
        lines = [one for one in text.split("\n") if one.strip()]
        line = lines[int(place[1])] if int(place[1]) < len(lines) else ""
        return line if len(line) <= _PART_MAX else f"{line[:_PART_MAX]}…"
    return rest.removeprefix(".")


def _shown(formats: Formats, value: Any) -> str:
    return formats.number(value) if type(value) is int else str(value)
