"""`python -m tests.contract.matrix`: run all cells and print docs/compatibility.md.

With words, only the cells with all of them in their titles, each in a line: `matrix Bedrock tools`.
"""

import sys
import tempfile
from pathlib import Path

from tests.contract.matrix.cells import cells
from tests.contract.matrix.document import document
from tests.contract.matrix.world import running_world


def main(words: list[str]) -> int:
    """The page goes to the output; cells that fail go to the errors, and the exit code is 1."""
    with tempfile.TemporaryDirectory() as directory, running_world(Path(directory)) as world:
        if words:
            for cell in cells(world, words):
                sys.stdout.write(f"{cell.title}: {cell.failed or cell.refused or 'works'}\n")
            return 0
        try:
            page = document(cells(world))
        except ValueError as failed:
            sys.stderr.write(f"{failed}\n")
            return 1
    sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
