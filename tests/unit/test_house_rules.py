"""Rules of this code that no linter has: sizes, and words that have one place each."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "common", "echo_provider", "functions")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 80
VAGUE_NAMES = {"utils", "helpers", "manager", "misc", "common_utils"}


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=_relative)
def test_a_file_is_one_idea(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    assert path.stem not in VAGUE_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_functions_are_short_and_assert_nothing(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_LINES_MAX, node.name
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert dies under -O"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "functions").glob("*/main.py")), ids=lambda path: path.parent.name
)
def test_a_main_does_nothing_clever(path):
    assert len(path.read_text().splitlines()) <= MAIN_LINES_MAX


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_some_words_have_one_place(path):
    text = path.read_text()
    relative = _relative(path)
    if relative != "common/settings.py":
        assert "os.environ" not in text
        assert "getenv" not in text
    if relative != "common/events/types.py":
        assert '"ai.relay.' not in text
    if "/lua/" not in relative:
        assert "redis.call(" not in text


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_sql_stands_in_sql_files(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.lstrip().startswith(
                ("SELECT ", "INSERT INTO ", "DELETE FROM ")
            ), f"line {node.lineno}"
