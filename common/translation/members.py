"""A caller's JSON object, read member by member; every complaint names the member's path."""

from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

import msgspec

from common.dialects.base import BadRequest

Value = TypeVar("Value")
Word = TypeVar("Word", bound=str)

# What says nothing, whatever the member's name.
_EMPTY = (b"null", b"[]", b"{}")


class Kind(NamedTuple, Generic[Value]):
    """A type of JSON values, and its name in a complaint."""

    decoder: "msgspec.json.Decoder[Value]"
    words: str


TEXT = Kind(msgspec.json.Decoder(str), "a string")
FLAG = Kind(msgspec.json.Decoder(bool), "a boolean")
COUNT = Kind(msgspec.json.Decoder(int), "an integer")
NUMBER = Kind(msgspec.json.Decoder(float), "a number")
_OBJECT = Kind(msgspec.json.Decoder(dict[str, msgspec.Raw]), "an object")
_ARRAY = Kind(msgspec.json.Decoder(list[msgspec.Raw]), "an array")


class Members:
    """The members of an object at `path`, empty for the body itself; null counts as absent.

    Each method raises `BadRequest` for a value of another type, in the words of the body's path.
    """

    def __init__(self, raw: bytes | msgspec.Raw, path: str = "") -> None:
        self.path = path
        given = _decoded(raw, _OBJECT, path)
        self._left = {name: value for name, value in given.items() if bytes(value) != b"null"}

    def path_of(self, name: str) -> str:
        """The member's path in the body."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether the member is there and was not taken."""
        return name in self._left

    def raw(self, name: str) -> msgspec.Raw | None:
        """Take the member's bytes, as they came."""
        return self._left.pop(name, None)

    def take(self, name: str, kind: Kind[Value]) -> Value | None:
        """Take the member as a value of that kind."""
        raw = self._left.pop(name, None)
        return None if raw is None else _decoded(raw, kind, self.path_of(name))

    def need(self, name: str, kind: Kind[Value]) -> Value:
        """Take a member that must be there."""
        value = self.take(name, kind)
        if value is None:
            raise self.missing(name)
        return value

    def word(self, name: str, words: Mapping[str, Word]) -> Word | None:
        """Take the member as what one of those words means."""
        text = self.take(name, TEXT)
        return None if text is None else meaning(text, words, self.path_of(name))

    def object(self, name: str) -> "Members | None":
        """Take the member as an object."""
        raw = self._left.pop(name, None)
        return None if raw is None else Members(raw, self.path_of(name))

    def array(self, name: str) -> list[tuple[msgspec.Raw, str]] | None:
        """Take the member as an array: its values, each with its path."""
        raw = self._left.pop(name, None)
        return None if raw is None else values_in(raw, self.path_of(name))

    def objects(self, name: str) -> list["Members"] | None:
        """Take the member as an array of objects."""
        raw = self._left.pop(name, None)
        return None if raw is None else objects_in(raw, self.path_of(name))

    def missing(self, name: str) -> BadRequest:
        """The complaint that a member is not there."""
        path = self.path_of(name)
        return BadRequest(f"Missing required parameter: {path!r}", path)

    def finish(
        self, dropped: Iterable[str] = (), defaults: Mapping[str, tuple[bytes, ...]] | None = None
    ) -> None:
        """Raises `BadRequest` for a member that is left.

        Those of `dropped` may be, and those of `defaults` with one of the values there, JSON.
        """
        known = defaults or {}
        for name, raw in self._left.items():
            value = bytes(raw)
            if name in dropped or value in _EMPTY or value in known.get(name, ()):
                continue
            path = self.path_of(name[:100])
            raise BadRequest(
                f"{path!r} cannot be passed on to the provider of this model, "
                "which speaks another API",
                path,
            )


def is_text(raw: msgspec.Raw) -> bool:
    """Whether these bytes are a JSON string."""
    return bytes(memoryview(raw)[:1]) == b'"'


def text_in(raw: msgspec.Raw, path: str) -> str:
    """The string that these bytes are. Raises `BadRequest`."""
    return _decoded(raw, TEXT, path)


def values_in(raw: msgspec.Raw, path: str) -> list[tuple[msgspec.Raw, str]]:
    """The values of the array that these bytes are, each with its path. Raises `BadRequest`."""
    values: list[msgspec.Raw] = _decoded(raw, _ARRAY, path)
    return [(value, f"{path}[{at}]") for at, value in enumerate(values)]


def objects_in(raw: msgspec.Raw, path: str) -> list[Members]:
    """The objects of the array that these bytes are. Raises `BadRequest`."""
    return [Members(value, at) for value, at in values_in(raw, path)]


def meaning(text: str, words: Mapping[str, Word], path: str) -> Word:
    """What that word means. Raises `BadRequest` for none of them."""
    if text not in words:
        known = ", ".join(repr(word) for word in words)
        raise BadRequest(f"Invalid value for {path!r}: {text[:100]!r} is none of {known}", path)
    return words[text]


def _decoded(raw: bytes | msgspec.Raw, kind: Kind[Value], path: str) -> Value:
    try:
        return kind.decoder.decode(raw)
    except msgspec.ValidationError:
        if not path:
            raise BadRequest("The request body must be a JSON object") from None
        raise BadRequest(f"Invalid type for {path!r}: expected {kind.words}", path) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}", path or None) from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply", path or None) from None
