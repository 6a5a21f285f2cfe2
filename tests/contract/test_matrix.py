"""Every caller's SDK at every provider: each cell works, or is refused by name; see docs."""

import pytest

from tests.contract.matrix.cells import cells, field_of
from tests.contract.matrix.document import document
from tests.contract.matrix.world import running_world
from tests.support.processes import ROOT


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with running_world(tmp_path_factory.mktemp("matrix")) as world:
        return list(cells(world))


def test_each_cell_works_or_is_refused_by_name(found):
    assert [f"{cell.title}: {cell.failed}" for cell in found if cell.failed] == []


def test_the_document_says_so(found):
    """`python -m tests.contract.matrix > docs/compatibility.md` brings it up to date."""
    assert (ROOT / "docs" / "compatibility.md").read_text() == document(found)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("'seed' has no counterpart at Anthropic", "seed"),
        ("thinking.budget_tokens: not with this model", "thinking.budget_tokens"),
        ("This cannot be done.", None),
    ],
)
def test_a_refusal_names_its_field(message, field):
    assert field_of(message) == field
