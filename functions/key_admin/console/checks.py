"""Lists that are ticked instead of typed: one box for each choice. Pure."""

from collections.abc import Iterable, Mapping


def ticked(form: Mapping[str, str], name: str, choices: Iterable[str]) -> dict[str, str]:
    """The form with the boxes `name:choice` as the one field `name`, a line each."""
    chosen = [one for one in choices if form.get(f"{name}:{one}") == "on"]
    return {**form, name: "\n".join(chosen)}


def lines(text: str) -> list[str]:
    """What such a field names."""
    return [one for one in text.split("\n") if one]
