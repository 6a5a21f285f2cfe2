"""docs/compatibility.md, from the cells."""

from collections.abc import Iterable

from tests.contract.matrix.asked import NOTHING
from tests.contract.matrix.cells import Cell
from tests.contract.matrix.world import COLUMNS

INTRODUCTION = """\
# Compatibility

Which features work between a caller's SDK and a provider. `python -m tests.contract.matrix >
docs/compatibility.md` writes this page: every cell is run, with the real SDK, through a relay, to
a stand-in of the provider that checks what it receives against the provider's published schema.
`tests/contract/test_matrix.py` runs the same and fails when a cell is not as it says here.

- ✓: it works, whole and streamed where both make sense.
- A name: relay answers 400 and names this field of the caller's request.
- "not shown": the provider keeps what was thought to itself; it is counted all the same.
- "told as an end": the provider does not say which stop sequence it was.
- none: the caller's API has no such thing.

What is lost on the way from one dialect to another, and what is not, is in
[translation.md](translation.md).
"""
_FEATURES = """\

## What a cell tries

| feature | |
|---|---|
| plain | a system prompt, a limit of tokens, reached and not; text, end and usage |
| stream | the text in its pieces, the end, the usage |
| tools | a call, whole and streamed, and its result in the next request; a tool that is forced |
| parallel tools | two calls in one answer, whole and streamed, and both results |
| images | a PNG in the request, byte for byte |
| image urls | an address of a picture, which the provider is to fetch |
| documents | a PDF in the request, byte for byte |
| structured output | the SDK's own parser with a schema of two members |
| thinking | an effort or a budget; the answer goes back as it came, signatures byte for byte |
| stop sequences | one that ends the answer |
| errors | 400 and 429 as the SDK's own exceptions; a stream that the provider ends with an error |
| cancel | whoever leaves a stream ends it at the provider |
"""


def document(cells: Iterable[Cell]) -> str:
    """The page. Raises `ValueError` with all cells that neither work nor are refused by name."""
    found = list(cells)
    if failed := [f"{cell.title}: {cell.failed}" for cell in found if cell.failed]:
        raise ValueError("\n".join(failed))
    sections = [INTRODUCTION]
    for caller in dict.fromkeys(cell.caller for cell in found):
        sections.append(_section(caller, [cell for cell in found if cell.caller == caller]))
    return "\n".join(sections) + _FEATURES


def _section(caller: str, cells: list[Cell]) -> str:
    head = " | ".join(["", *(column.title for column in COLUMNS)]).strip()
    lines = [f"## {caller}", "", f"| {head} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for feature in dict.fromkeys(cell.feature for cell in cells):
        row = [cell for cell in cells if cell.feature == feature]
        shown = " | ".join(_shown(cell) for cell in row)
        lines.append(f"| {feature.replace('_', ' ')} | {shown} |")
    return "\n".join(lines) + "\n"


def _shown(cell: Cell) -> str:
    if cell.refused:
        return f"`{cell.refused}`"
    if cell.remark == NOTHING:
        return NOTHING
    return f"✓ ({cell.remark})" if cell.remark else "✓"
