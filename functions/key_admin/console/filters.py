"""Filters of lists: what was typed, what is wrong with it, and at which field that stands."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem


class Days(NamedTuple):
    """The first and the last day, None where none was chosen, and errors by field."""

    first: date | None
    last: date | None
    errors: dict[str, str]


def days_of(view: View) -> Days:
    """The days of the query's `from` and `to`."""
    errors: dict[str, str] = {}
    found: dict[str, date | None] = {}
    for name in ("from", "to"):
        try:
            found[name] = _day(view.query.get(name, "").strip())
        except ValueError:
            errors[name] = view.words("filter.no_day")
    first, last = found.get("from"), found.get("to")
    if first is not None and last is not None and first > last:
        errors["to"] = view.words("filter.days_order")
    return Days(first, last, errors)


def errors_of(problem: Problem, fields: Mapping[str, str]) -> dict[str, str]:
    """What the API finds wrong, by the filter's field: `fields` are its names by the API's.

    Raises the problem where any of it is at no field.
    """
    if problem.status != 422 or not problem.errors:
        raise problem
    if any(one.field not in fields for one in problem.errors):
        raise problem
    return {fields[one.field]: one.message for one in problem.errors}


def status_of(view: View, errors: Mapping[str, str]) -> int:
    """With which the page is answered: browsers' scripts take in only what is well."""
    return 422 if errors and not view.is_partial else 200


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
