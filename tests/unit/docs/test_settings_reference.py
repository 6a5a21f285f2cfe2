"""docs/settings.md is complete, current and true."""

import re
from pathlib import Path

import pytest

from cli.settings_reference import ENOUGH, NONE, READERS, REQUIRED, SECTIONS, read_by, reference
from common.settings import SettingsError

ROOT = Path(__file__).parents[3]
VARIABLES = [variable for variables in SECTIONS.values() for variable in variables]
NAMES = [variable.name for variable in VARIABLES]
# Written as one word in the code; `settings.py` makes others out of parts, which are found by
# having it read.
PREFIXES = {"RELAY_DATABASE", "RELAY_REDIS"}
NAME = re.compile(r'"((?:RELAY|PROXY|OPENAI|ANTHROPIC|K)_[A-Z_]+[A-Z]|PORT)"')


def readers_of(name):
    return {read for function in read_by().get(name, []) for read in READERS[function]}


def test_the_file_is_current():
    text = (ROOT / "docs" / "settings.md").read_text()
    assert text == reference(), "run `python -m cli.settings_reference > docs/settings.md`"


def test_every_variable_is_there_once_and_none_that_nobody_reads():
    written = {
        name
        for folder in ("cli", "common", "functions")
        for file in (ROOT / folder).rglob("*.py")
        # The other files have names of entries in Secrets and of what redaction finds.
        if file.name not in ("settings_reference.py", "release_secrets.py", "entities.py")
        for name in NAME.findall(file.read_text())
    }
    written -= PREFIXES
    assert sorted(NAMES) == sorted(written | set(read_by()))
    assert all(variable.readers for variable in VARIABLES if variable.name not in read_by())


@pytest.mark.parametrize("variable", VARIABLES, ids=NAMES)
def test_what_it_says_of_a_variable_is_so(variable):
    without = {name: value for name, value in ENOUGH.items() if name != variable.name}
    for read in readers_of(variable.name):
        read(without | {variable.name: variable.example})
        if variable.default != REQUIRED:
            assert read(without) == read(without | {variable.name: ""})
        if variable.default not in (NONE, REQUIRED) and " " not in variable.default:
            assert read(without | {variable.name: variable.default}) == read(without)
    if variable.default == REQUIRED and readers_of(variable.name):
        refused = []
        for read in readers_of(variable.name):
            try:
                read(without)
            except SettingsError as error:
                refused.append(str(error))
        assert refused
        assert all(variable.name in sentence for sentence in refused)
