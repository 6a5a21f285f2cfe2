"""Policies from JSON values, and what is wrong with their fields. Pure."""

import re
from typing import Any, TypeVar

import msgspec

Policy = TypeVar("Policy", bound=msgspec.Struct)


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field: its path, and how to put it right."""

    field: str
    message: str


class InvalidPolicy(ValueError):
    """A policy that cannot be followed; `errors` has every field at fault."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def converted(value: Any, kind: type[Policy], whole: str) -> Policy:
    """The policy that JSON values make; `whole` is the field where no part of it is to blame.

    Raises `InvalidPolicy` naming the field at fault.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        field = path.rstrip("`").lstrip(".") or _named(what) or whole
        raise InvalidPolicy([FieldError(field, what)]) from None


def _named(message: str) -> str:
    """The field that a complaint of an unknown or missing one names."""
    match = re.search(r"field `([^`]*)`", message)
    return match[1][:60] if match else ""
