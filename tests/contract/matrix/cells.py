"""The cells of the matrix: a caller's feature at a provider, which works or is refused by name."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from tests.contract.matrix.anthropic_messages import AnthropicMessages
from tests.contract.matrix.gemini import Gemini
from tests.contract.matrix.openai_chat import OpenAIChat
from tests.contract.matrix.openai_responses import OpenAIResponses
from tests.contract.matrix.world import COLUMNS, Column, World

FEATURES = (
    *("plain", "stream", "tools", "parallel_tools", "images", "image_urls", "documents"),
    *("structured_output", "thinking", "stop_sequences", "errors", "cancel"),
)
CALLERS = (OpenAIChat, OpenAIResponses, AnthropicMessages, Gemini)
# What relay refuses is said in the caller's words: the field in quotation marks, or before a colon.
_FIELD = re.compile(r"[`'\"]([A-Za-z_][\w.\[\]]*)[`'\"]|\b([a-z_][\w.\[\]]*):")


class Caller(Protocol):
    """An SDK with a method for each of `FEATURES`, which gives a remark or nothing."""

    title: str
    refusals: tuple[type[Exception], ...]


class Cell(NamedTuple):
    """How one went. `refused` is the field that relay's 400 names, `failed` what went wrong."""

    caller: str
    column: Column
    feature: str
    remark: str = ""
    refused: str = ""
    failed: str = ""

    @property
    def title(self) -> str:
        """Which one it is."""
        return f"{self.caller} at {self.column.title}: {self.feature}"


def cells(world: World, words: Iterable[str] = ()) -> Iterator[Cell]:
    """All with these words in their titles, by caller, feature and provider."""
    for make in CALLERS:
        caller = make(world)
        for feature in FEATURES:
            for column in COLUMNS:
                title = Cell(caller.title, column, feature).title
                if all(word in title for word in words):
                    yield run(world, caller, feature, column)


def run(world: World, caller: Caller, feature: str, column: Column) -> Cell:
    """One cell: what the SDK made of it, and whether the provider's schema has all that it got."""
    cell = Cell(caller.title, column, feature)
    world.clear()
    try:
        remark: Any = getattr(caller, feature)(column.model)
    except caller.refusals as refusal:
        field = field_of(message_of(refusal))
        if world.provider_refused():
            return cell._replace(failed=f"the provider refuses: {refusal}")
        if field is None:
            return cell._replace(failed=f"a 400 that names no field: {refusal}")
        return cell._replace(refused=field)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the cell's result
        return cell._replace(failed=_told(error))
    if found := world.violations():
        return cell._replace(failed=f"the provider's schema: {found[0]}")
    return cell._replace(remark=remark or "")


def message_of(refusal: Exception) -> str:
    """Relay's words in an SDK's exception."""
    body = getattr(refusal, "body", None)
    error = body.get("error", body) if isinstance(body, dict) else None
    return str(error["message"]) if isinstance(error, dict) else str(refusal)


def field_of(message: str) -> str | None:
    """The field that a refusal names."""
    found = _FIELD.search(message)
    return None if found is None else found[1] or found[2]


def _told(error: Exception) -> str:
    text = " ".join(str(error).split()) or "assertion"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and "matrix" in _file(trace.tb_next):
        trace = trace.tb_next
    line = trace.tb_lineno if trace is not None else 0
    return f"{type(error).__name__} (line {line}): {text}"


def _file(trace: Any) -> str:
    return str(trace.tb_frame.f_code.co_filename)
