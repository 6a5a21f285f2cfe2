"""One variable of an environment that is given: read, checked, and named when it is wrong."""

from collections.abc import Callable, Mapping
from typing import TypeVar

Environment = Mapping[str, str]
_Value = TypeVar("_Value")


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the text names it and gives an example."""


def whole(environment: Environment, name: str, default: int, least: int, most: int) -> int:
    """A whole number from `least` to `most`. Raises `SettingsError`."""

    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    return parsed(
        environment, name, default, parse, f"a whole number from {least} to {most}, e.g. {default}"
    )


def parsed(
    environment: Environment,
    name: str,
    default: _Value,
    parse: Callable[[str], _Value],
    expected: str,
) -> _Value:
    """What `parse` makes of it; it raises `ValueError` for what is not `expected`."""
    text = environment.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except ValueError:
        raise SettingsError(f"{name}={text!r}: must be {expected}") from None


def choice(
    environment: Environment, name: str, default: _Value, choices: tuple[_Value, ...]
) -> _Value:
    """One of the choices, written as such. Raises `SettingsError`."""

    def parse(text: str) -> _Value:
        for choice in choices:
            if text == choice:
                return choice
        raise ValueError

    words = " or ".join(str(choice) for choice in choices)
    return parsed(environment, name, default, parse, words)


def secret(environment: Environment, name: str, least: int, example: str) -> str:
    """A secret of at least so many characters; never repeated. Raises `SettingsError`."""
    value = environment.get(name, "")
    if len(value) < least:
        raise SettingsError(
            f"{name} is {'missing' if not value else 'too short'}: at least {least} characters, "
            f"e.g. from `{example}`"
        )
    return value


def url(environment: Environment, name: str, schemes: tuple[str, ...], example: str) -> str:
    """An address with one of the schemes; never repeated. Raises `SettingsError`."""
    value = environment.get(name, "")
    if not value.startswith(schemes):
        # The value may carry a password: it is never repeated.
        raise SettingsError(
            f"{name} {'is not set' if not value else 'has another scheme'}: it starts with "
            f"{' or '.join(schemes)}, e.g. {example}"
        )
    return value
