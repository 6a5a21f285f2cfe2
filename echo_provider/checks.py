"""Checks of a request's fields, with each provider's own words for what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn, Protocol

from echo_provider.refusals import Refusal

Path = tuple[str | int, ...]


class Complaints(Protocol):
    """One provider's words. Each raises `Refusal` (400)."""

    def missing(self, path: Path) -> NoReturn:
        """A required field is not there."""
        ...

    def wrong_type(self, path: Path, expected: str, value: Any) -> NoReturn:
        """`expected` is a JSON type, or integer."""
        ...

    def too_small(self, path: Path, least: float, value: float) -> NoReturn:
        """A number below its range."""
        ...

    def too_large(self, path: Path, most: float, value: float) -> NoReturn:
        """A number above its range."""
        ...

    def not_one_of(self, path: Path, allowed: Sequence[str], value: Any) -> NoReturn:
        """A value that is no member of a fixed set."""
        ...

    def empty(self, path: Path) -> NoReturn:
        """A list without items."""
        ...


class OpenAIComplaints:
    """What OpenAI's API says."""

    _NAMES: ClassVar[dict[str, str]] = {
        "string": "a string",
        "integer": "an integer",
        "number": "a decimal",
        "boolean": "a boolean",
        "array": "an array",
        "object": "an object",
        "null": "null",
        "file": "a file",
    }

    def missing(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        name = self._written(path)
        self._refuse(name, "missing_required_parameter", f"Missing required parameter: '{name}'.")

    def wrong_type(self, path: Path, expected: str, value: Any) -> NoReturn:
        """See `Complaints`."""
        name = self._written(path)
        got = self._NAMES[json_type(value)]
        wanted = " or ".join(self._NAMES[one] for one in expected.split(" or "))
        text = f"Invalid type for '{name}': expected {wanted}, but got {got} instead."
        self._refuse(name, "invalid_type", text)

    def too_small(self, path: Path, least: float, value: float) -> NoReturn:
        """See `Complaints`."""
        name, kind = self._written(path), self._kind(value)
        text = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {least:g}, "
        self._refuse(name, f"{kind}_below_min_value", f"{text}but got {value:g} instead.")

    def too_large(self, path: Path, most: float, value: float) -> NoReturn:
        """See `Complaints`."""
        name, kind = self._written(path), self._kind(value)
        text = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {most:g}, "
        self._refuse(name, f"{kind}_above_max_value", f"{text}but got {value:g} instead.")

    def not_one_of(self, path: Path, allowed: Sequence[str], value: Any) -> NoReturn:
        """See `Complaints`."""
        listed = ", ".join(f"'{one}'" for one in allowed)
        text = f"Invalid value: '{value}'. Supported values are: {listed}."
        self._refuse(self._written(path), "invalid_value", text)

    def empty(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        name = self._written(path)
        text = f"Invalid '{name}': empty array. Expected an array with minimum length 1, "
        self._refuse(name, "empty_array", f"{text}but got an empty array instead.")

    def _written(self, path: Path) -> str:
        text = ""
        for step in path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    def _kind(self, value: float) -> str:
        return "integer" if isinstance(value, int) else "decimal"

    def _refuse(self, param: str, code: str, text: str) -> NoReturn:
        raise Refusal(400, text, param=param, code=code)


class AnthropicComplaints:
    """What Anthropic's API says: the path, a colon, the words of its validator."""

    _NAMES: ClassVar[dict[str, str]] = {
        "string": "string",
        "integer": "integer",
        "number": "number",
        "boolean": "boolean",
        "array": "list",
        "object": "dictionary",
    }

    def missing(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, "Field required")

    def wrong_type(self, path: Path, expected: str, value: Any) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        wanted = " or ".join(self._NAMES[one] for one in expected.split(" or "))
        self._refuse(path, f"Input should be a valid {wanted}")

    def too_small(self, path: Path, least: float, value: float) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Input should be greater than or equal to {least:g}")

    def too_large(self, path: Path, most: float, value: float) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Input should be less than or equal to {most:g}")

    def not_one_of(self, path: Path, allowed: Sequence[str], value: Any) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        quoted = [f"'{one}'" for one in allowed]
        listed = " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
        self._refuse(path, f"Input should be {listed}")

    def empty(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, "at least one item is required")

    def _refuse(self, path: Path, text: str) -> NoReturn:
        raise Refusal(400, f"{'.'.join(str(step) for step in path)}: {text}")


class Fields:
    """An object of the request and its place in it; each getter checks one field.

    A field that is absent or null gives None, unless it is `required`.
    """

    def __init__(self, value: Mapping[str, Any], complaints: Complaints, path: Path = ()) -> None:
        self.value = value
        self.complaints = complaints
        self.path = path

    def at(self, name: str) -> Path:
        """The path of a field."""
        return (*self.path, name)

    def string(self, name: str, *, required: bool = False) -> str | None:
        """A string."""
        value: str | None = self._typed(name, "string", required=required)
        return value

    def boolean(self, name: str) -> bool:
        """A boolean; False when absent."""
        return bool(self._typed(name, "boolean"))

    def integer(
        self, name: str, least: int, most: int | None = None, *, required: bool = False
    ) -> int | None:
        """A whole number in a range."""
        value: int | None = self._typed(name, "integer", required=required)
        self._in_range(name, value, least, most)
        return value

    def number(self, name: str, least: float, most: float) -> None:
        """A number in a range."""
        self._in_range(name, self._typed(name, "number"), least, most)

    def array(self, name: str, *, required: bool = False) -> list[Any] | None:
        """A list; a required one has items."""
        value: list[Any] | None = self._typed(name, "array", required=required)
        if required and not value:
            self.complaints.empty(self.at(name))
        return value

    def one_of(self, name: str, allowed: Sequence[str], *, required: bool = False) -> str | None:
        """A member of a fixed set of strings."""
        value = self.string(name, required=required)
        if value is not None and value not in allowed:
            self.complaints.not_one_of(self.at(name), allowed, value)
        return value

    def fields(self, name: str, *, required: bool = False) -> "Fields | None":
        """An object."""
        value = self._typed(name, "object", required=required)
        return None if value is None else Fields(value, self.complaints, self.at(name))

    def items(self, name: str, *, required: bool = False) -> "list[Fields]":
        """A list of objects."""
        found = []
        for index, value in enumerate(self.array(name, required=required) or ()):
            path = (*self.at(name), index)
            if not isinstance(value, dict):
                self.complaints.wrong_type(path, "object", value)
            found.append(Fields(value, self.complaints, path))
        return found

    def _typed(self, name: str, kind: str, *, required: bool = False) -> Any:
        value = self.value.get(name)
        if value is None:
            if required:
                self.complaints.missing(self.at(name))
            return None
        found = json_type(value)
        if found != kind and not (kind == "number" and found == "integer"):
            self.complaints.wrong_type(self.at(name), kind, value)
        return value

    def _in_range(self, name: str, value: float | None, least: float, most: float | None) -> None:
        if value is not None and value < least:
            self.complaints.too_small(self.at(name), least, value)
        if value is not None and most is not None and value > most:
            self.complaints.too_large(self.at(name), most, value)


def json_type(value: Any) -> str:
    """The JSON type of a decoded value, or file; a number without a fraction is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "file")
