"""Rules of this code that no linter has: sizes, and words that have one place each."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "common", "echo_provider", "functions")
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TESTS = {
    str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "tests").rglob("*.py"))
}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 80
VAGUE_NAMES = {"utils", "helpers", "manager", "misc", "common_utils"}
SQL = ("SELECT ", "INSERT INTO ", "DELETE FROM ")
# Word → the one place where it may stand.
ONE_PLACE = {
    "os.environ": "common/settings.py",
    "getenv": "common/settings.py",
    '"ai.relay.': "common/events/types.py",
    "redis.call(": "/lua/",
}


def test_a_file_is_one_idea():
    lines = {name: len(text.splitlines()) for name, text in (SOURCES | TESTS).items()}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}
    assert [name for name in lines if Path(name).stem in VAGUE_NAMES] == []


def test_a_main_does_nothing_clever():
    mains = [name for name in SOURCES if Path(name).match("functions/*/main.py")]
    assert len(mains) >= 5
    assert [n for n in mains if len(SOURCES[n].splitlines()) > MAIN_LINES_MAX] == []


def test_some_words_have_one_place():
    found = {(word, name) for word in ONE_PLACE for name, text in SOURCES.items() if word in text}
    assert {(word, name) for word, name in found if ONE_PLACE[word] not in name} == set()


def test_functions_are_short_and_assert_nothing_and_sql_stands_in_sql_files():
    found = [f"{name}:{fault}" for name, text in SOURCES.items() for fault in _faults(text)]
    assert found == []


def _faults(text):
    """Line and fault of what stands in the code itself."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.end_lineno - node.lineno >= FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name} is too long"
        elif isinstance(node, ast.Assert):
            yield f"{node.lineno}: assert dies under -O"
        elif isinstance(node, ast.Constant) and str(node.value).lstrip().startswith(SQL):
            yield f"{node.lineno}: SQL"
