"""What becomes of an answer's text: it is searched if the policy says so, then values come back.

One object serves one request: whole answers, and any number of texts of a stream.
"""

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

import msgspec

from common.dialects.bodies import loads
from common.domain.refusals import Reason, Refusal, Refused
from common.redaction.found import Found
from common.redaction.placeholders import redacted
from common.redaction.places import Place
from common.redaction.policy import Action, Plan
from common.redaction.restoring import Restorer
from common.redaction.rewriting import change
from common.redaction.scanning import Scanner, finish
from common.redaction.shapes import ALL, Shape

# An answer that is searched while it streams is held back so far: no value is longer but private
# keys, and the words that make one surer stand nearer.
HELD_CHARACTERS = 704
# What was passed on and is still looked at as a value's surroundings.
_CONTEXT_CHARACTERS = 192
_SEARCHED_AT_ONCE = 256
# Texts that a stream says again when a block, an item and the answer end.
_REPEATED_MAX = 64
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*_[0-9A-Z]{8,}")


class Streamed(Protocol):
    """One text of a stream on its way."""

    def feed(self, piece: str) -> str:
        """What can be passed on now. Raises `Refused`."""
        ...

    def end(self) -> str:
        """What was held back, when no more comes. Raises `Refused`."""
        ...


class AnswerRedaction:
    """What the plan does to an answer, and the values that may come back in it."""

    def __init__(
        self,
        values: Mapping[str, str],
        plan: Plan,
        scanner: Scanner | None = None,
        *,
        in_json: bool = False,
        count: Callable[[str, Action], None] = lambda _entity, _action: None,
    ) -> None:
        """`scanner`: by which the answer is searched, None where it is not.

        `in_json`: the request asked for an answer in JSON, so its text is JSON text. `count` is
        told of each finding in the answer itself.
        """
        self._values = values
        self._plan = plan
        self._scanner = scanner
        self._in_json = in_json
        self._plain, self._escaped = Restorer(values), Restorer.for_json(values)
        self._repeated: dict[tuple[str, str], str] = {}
        self._count = count

    @property
    def searches(self) -> bool:
        """Whether the answer itself is searched."""
        return self._scanner is not None

    def may_change(self, data: bytes) -> bool:
        """Whether anything in these bytes of JSON may have to change."""
        return self.searches or self._plain.may_begin_in(data)

    def stream(self, kind: str) -> Streamed:
        """For one text that arrives in pieces, `text` or `json`."""
        as_json = kind == "json" or self._in_json
        if not self.searches:
            return (self._escaped if as_json else self._plain).stream()
        return _HeldJson(self) if as_json else _Searched(self, self._plain)

    def whole(self, body: bytes, shape: Shape) -> Generator[None, None, bytes]:
        """A whole answer, or what a stream says at once; yields between pieces of work.

        Raises `Refused` where the answer holds what must not pass.
        """
        if self.searches and b"logprobs" in body:
            decoded = loads(body)
            if drop_logprobs(decoded):
                body = msgspec.json.encode(decoded)
        return change(body, shape, self._changed)

    def text(self, text: str) -> Generator[None, None, str]:
        """A text as a whole, such as an answer that is not JSON. Raises `Refused`."""
        if self._scanner is not None:
            found = yield from self._scanner.steps(text)
            text = self.replaced(text, found)
        return self._plain.text(text)

    def json_text(self, text: str) -> Generator[None, None, str]:
        """JSON text as a whole: it stays JSON. Raises `Refused`."""
        if self._scanner is not None:
            body = text.encode("utf-8", "surrogatepass")
            if loads(body) is None:  # cut off: nobody can read it as JSON
                return (yield from self.text(text))
            text = (yield from change(body, ALL, self._searched)).decode()
        return self._escaped.text(text)

    def replaced(self, text: str, found: list[Found], begin: int = 0) -> str:
        """The text from `begin` on with what was found dealt with. Raises `Refused`."""
        parts: list[str] = []
        position = begin
        for start, end, entity, _score in found:
            action = self._plan.actions[entity]
            if end <= position or self._is_placeholder(text, start, end):
                continue
            self._count(entity, action)
            if action == "block":
                raise Refused(blocked_answer(entity))
            if action != "observe":
                parts += (text[position : max(position, start)], redacted(entity))
                position = end
        parts.append(text[position:])
        return "".join(parts)

    def found(self, text: str) -> list[Found]:
        """The findings in a short text; those of a text that is not searched are none."""
        return self._scanner.scan(text) if self._scanner is not None else []

    def _changed(self, place: Place) -> Generator[None, None, str]:
        text = place.text
        known = self._repeated.get((place.kind, text))
        if known is not None:
            return known
        # A number is replaced by a string: what stands in it needs no escapes.
        in_json = place.kind == "json" or (self._in_json and text.lstrip()[:1] in ("{", "["))
        made = yield from (self.json_text(text) if in_json else self.text(text))
        if self.searches and len(self._repeated) < _REPEATED_MAX:
            self._repeated[place.kind, text] = made
        return made

    def _searched(self, place: Place) -> Generator[None, None, str]:
        if self._scanner is None:
            return place.text
        found = yield from self._scanner.steps(place.text)
        return self.replaced(place.text, found)

    def _is_placeholder(self, text: str, start: int, end: int) -> bool:
        """Whether a finding is nothing but a placeholder, or a part of one."""
        if not self._values:
            return False
        for match in _PLACEHOLDER.finditer(text, max(0, start - 96), min(len(text), end + 96)):
            if match.start() <= start and end <= match.end():
                return self._plain.text(match.group()) != match.group()
        return False


class _Searched:
    """A text that is searched on its way: replaced for good, then values come back."""

    def __init__(self, answer: AnswerRedaction, restorer: Restorer) -> None:
        self._answer = answer
        self._restored = restorer.stream()
        self._text = ""
        self._passed = 0  # so much of the text has been passed on
        self._unsearched = 0

    def feed(self, piece: str) -> str:
        self._text += piece
        self._unsearched += len(piece)
        held = len(self._text) - self._passed
        if held <= HELD_CHARACTERS or self._unsearched < _SEARCHED_AT_ONCE:
            return ""
        self._unsearched = 0
        found = self._answer.found(self._text)
        cut = len(self._text) - HELD_CHARACTERS
        for one in reversed(found):
            # One that may still grow stays as a whole.
            if one.start < cut < one.end:
                cut = max(one.start, self._passed)
        return self._restored.feed(self._pass(found, cut))

    def end(self) -> str:
        found = self._answer.found(self._text)
        passed = self._pass(found, len(self._text))
        return self._restored.feed(passed) + self._restored.end()

    def _pass(self, found: list[Found], cut: int) -> str:
        within = [one for one in found if one.end <= cut]
        passed = self._answer.replaced(self._text[:cut], within, self._passed)
        keep_from = max(0, cut - _CONTEXT_CHARACTERS)
        self._text, self._passed = self._text[keep_from:], cut - keep_from
        return passed


class _HeldJson:
    """JSON text that is searched: only as a whole is it known what is a string in it."""

    def __init__(self, answer: AnswerRedaction) -> None:
        self._answer = answer
        self._pieces: list[str] = []

    def feed(self, piece: str) -> str:
        self._pieces.append(piece)
        return ""

    def end(self) -> str:
        text, self._pieces = "".join(self._pieces), []
        return finish(self._answer.json_text(text)) if text else ""


def drop_logprobs(value: Any) -> bool:
    """Take out tokens with their likelihoods: they would say again what was replaced."""
    if isinstance(value, list):
        every = [drop_logprobs(one) for one in value]
        return any(every)
    dropped = False
    if isinstance(value, dict):
        for name, member in value.items():
            if name in ("logprobs", "logprobsResult"):
                dropped = dropped or bool(member)
                value[name] = [] if isinstance(member, list) else None
            elif drop_logprobs(member):
                dropped = True
    return dropped


def blocked_answer(entity: str) -> Refusal:
    """Why an answer is not passed on."""
    message = (
        f"The answer holds {entity}, which the redaction policy of this API key does not let pass"
    )
    return Refusal(Reason.PII_BLOCKED, message)
