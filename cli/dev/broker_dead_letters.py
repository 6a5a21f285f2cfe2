"""Events that could not be delivered, kept on disk: one JSON object a line, oldest first.

The dead letter sink of the Trigger gets them too, as in a cluster; here they stay even when the
sink is down. A person looks at them with `relayctl events` and sends them again. They survive the
broker's restart, unlike its queue.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

LETTERS_MAX = 10_000
BYTES_MAX = 64 * 1024 * 1024
FILE_NAME = "dead-letters.jsonl"


class DeadLetter(msgspec.Struct, frozen=True):
    """An event, the Trigger it was for, and why it died (Knative's `knativeerror…` extensions).

    `id` is a ULID of the letter: one event can be dead for several Triggers. `dead_at` is
    RFC 3339.
    """

    id: str
    dead_at: str
    trigger: str
    attempts: int
    event: dict[str, Any]

    @property
    def key(self) -> tuple[str, ...]:
        """What an event and its Trigger are known by, however often the event dies."""
        return _key(self.trigger, self.event)


class DeadLetters:
    """The file and its content: an event once a Trigger, as it died last.

    Bounded: the oldest make room, and are counted.
    """

    def __init__(
        self, directory: Path, letters_max: int = LETTERS_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._file = directory / FILE_NAME
        self._letters_max = letters_max
        self._bytes_max = bytes_max
        self._letters: dict[str, DeadLetter] = {}
        self._sizes: dict[str, int] = {}
        self._ids: dict[tuple[str, ...], str] = {}
        self._bytes = 0
        self.forgotten = 0
        directory.mkdir(parents=True, exist_ok=True)
        self._load()

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, letter: DeadLetter) -> None:
        """Keep one, on disk before this returns to the caller."""
        line = msgspec.json.encode(letter) + b"\n"
        known = letter.key in self._ids
        self._remember(letter, len(line))
        if self._make_room() or known:
            self._rewrite()
            return
        with self._file.open("ab") as file:
            file.write(line)

    def newest(self, limit: int) -> list[DeadLetter]:
        """At most so many, the newest first."""
        return list(reversed(self._letters.values()))[:limit]

    def get(self, letter_id: str) -> DeadLetter | None:
        """The letter of that id."""
        return self._letters.get(letter_id)

    def take(self, letter_ids: Sequence[str] | None) -> list[DeadLetter]:
        """Remove and return those that are there; None takes all."""
        wanted = list(self._letters) if letter_ids is None else letter_ids
        taken = [self._forget(letter_id) for letter_id in wanted if letter_id in self._letters]
        if taken:
            self._rewrite()
        return taken

    def settle(self, trigger: str, attributes: Mapping[str, Any]) -> None:
        """Forget the letter of an event that its Trigger's subscriber took after all."""
        if (letter_id := self._ids.get(_key(trigger, attributes))) is not None:
            self.take([letter_id])

    def _load(self) -> None:
        if not self._file.exists():
            return
        for line in self._file.read_bytes().splitlines():
            try:
                letter = msgspec.json.decode(line, type=DeadLetter)
            except msgspec.DecodeError:
                continue  # half a line: the broker was killed while it wrote
            self._remember(letter, len(line) + 1)
        self._make_room()
        self._rewrite()

    def _remember(self, letter: DeadLetter, size: int) -> None:
        if (earlier := self._ids.get(letter.key)) is not None:
            self._forget(earlier)
        self._ids[letter.key] = letter.id
        self._letters[letter.id] = letter
        self._sizes[letter.id] = size
        self._bytes += size

    def _forget(self, letter_id: str) -> DeadLetter:
        self._bytes -= self._sizes.pop(letter_id)
        letter = self._letters.pop(letter_id)
        del self._ids[letter.key]
        return letter

    def _make_room(self) -> bool:
        """Whether any had to go. When one has to, a tenth goes, so that rewriting stays rare."""
        if len(self._letters) <= self._letters_max and self._bytes <= self._bytes_max:
            return False
        while self._letters and (
            len(self._letters) > self._letters_max * 9 // 10
            or self._bytes > self._bytes_max * 9 // 10
        ):
            self._forget(next(iter(self._letters)))
            self.forgotten += 1
        return True

    def _rewrite(self) -> None:
        replacement = self._file.with_suffix(".new")
        with replacement.open("wb") as file:
            for letter in self._letters.values():
                file.write(msgspec.json.encode(letter) + b"\n")
        replacement.replace(self._file)


def _key(trigger: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    return trigger, str(attributes.get("source")), str(attributes.get("id"))
