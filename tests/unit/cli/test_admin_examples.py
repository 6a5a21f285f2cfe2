"""Every command of the administrator has examples in its help, and each is a right command line."""

import shlex

import click
import pytest
from click.testing import CliRunner

from cli.admin.examples import EXAMPLES
from cli.admin.options import AdminGroup
from cli.main import relayctl

ROOT = click.Context(relayctl, info_name="relayctl")
GROUPS = {
    name: group
    for name in relayctl.list_commands(ROOT)
    if isinstance(group := relayctl.get_command(ROOT, name), AdminGroup)
}
COMMANDS = [f"{name} {command}" for name, group in GROUPS.items() for command in group.commands]


def test_every_command_has_some():
    assert sorted(EXAMPLES) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_each_is_a_right_command_line_and_stands_whole_in_the_help(path):
    name, command = path.split()
    shown = CliRunner().invoke(relayctl, [name, command, "--help"], prog_name="relayctl").output
    for example in EXAMPLES[path]:
        assert f"\n  {example}\n" in shown
        words = shlex.split(example)
        assert words[:3] == ["relayctl", name, command]
        # Raises what the command would say of a wrong option.
        GROUPS[name].commands[command].make_context(command, words[3:])
