"""Trigger filters: the dialects of the CloudEvents Subscriptions API that Knative takes.

Source: knative/eventing pkg/eventfilter/subscriptionsapi. A Trigger's list of filters matches when
every one of them does; `cesql` is not supported here and refused when the manifests are read.
"""

from collections.abc import Callable, Mapping
from typing import Any

Attributes = Mapping[str, str]
Filter = Callable[[Attributes], bool]

_TEXT_DIALECTS: dict[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
}


def compile_filters(written: Any) -> Filter:
    """One predicate over an event's attributes. Raises `ValueError` saying what is wrong."""
    if not isinstance(written, list):
        raise ValueError("filters must be a list")  # noqa: TRY004 - one kind of error
    return _all([_compile(filter_) for filter_ in written])


def compile_attributes(written: Any) -> Filter:
    """The older `filter.attributes`: all equal; an empty value means any. Raises `ValueError`."""
    wanted = {name: value for name, value in _text_members("attributes", written) if value}
    return _all([_text_filter("exact", name, value) for name, value in wanted.items()])


def _compile(written: Any) -> Filter:
    if not isinstance(written, dict) or len(written) != 1:
        raise ValueError(f"a filter has exactly one dialect, not {written!r}")
    [(dialect, arguments)] = written.items()
    if dialect in _TEXT_DIALECTS:
        return _all(
            [
                _text_filter(dialect, name, value)
                for name, value in _text_members(dialect, arguments)
            ]
        )
    if dialect in ("all", "any"):
        if not isinstance(arguments, list) or not arguments:
            raise ValueError(f"{dialect} takes a list of filters")
        inner = [_compile(filter_) for filter_ in arguments]
        return _all(inner) if dialect == "all" else _any(inner)
    if dialect == "not":
        return _not(_compile(arguments))
    raise ValueError(f"{dialect!r} is no filter that is known here: {', '.join(_KNOWN)}")


def _text_members(dialect: str, arguments: Any) -> list[tuple[str, str]]:
    if not isinstance(arguments, dict) or not arguments:
        raise ValueError(f"{dialect} takes attributes and values, e.g. type: a.b.c")
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise ValueError(f"{dialect}: the value of {name} must be a string")  # noqa: TRY004 - as above
    return list(arguments.items())


def _text_filter(dialect: str, name: str, value: str) -> Filter:
    compare = _TEXT_DIALECTS[dialect]

    def matches(attributes: Attributes) -> bool:
        given = attributes.get(name)
        return given is not None and compare(given, value)

    return matches


def _all(filters: list[Filter]) -> Filter:
    return lambda attributes: all(filter_(attributes) for filter_ in filters)


def _any(filters: list[Filter]) -> Filter:
    return lambda attributes: any(filter_(attributes) for filter_ in filters)


def _not(filter_: Filter) -> Filter:
    return lambda attributes: not filter_(attributes)


_KNOWN = (*_TEXT_DIALECTS, "all", "any", "not")
