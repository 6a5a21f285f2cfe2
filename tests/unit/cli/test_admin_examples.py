"""Every command of the administrator has examples in its help, and each is a right command line."""

import shlex

import click
import pytest
from click.testing import CliRunner

from cli.admin.examples import EXAMPLES
from cli.admin.options import AdminCommand, AdminGroup
from cli.main import relayctl

ROOT = click.Context(relayctl, info_name="relayctl")
GROUPS = {
    name: group
    for name in relayctl.list_commands(ROOT)
    if isinstance(group := relayctl.get_command(ROOT, name), AdminGroup)
}
ALONE = {
    name: command
    for name in relayctl.list_commands(ROOT)
    if isinstance(command := relayctl.get_command(ROOT, name), AdminCommand)
}
COMMANDS = {
    f"{name} {command}": group.commands[command]
    for name, group in GROUPS.items()
    for command in group.commands
} | ALONE


def test_every_command_has_some():
    assert sorted(EXAMPLES) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_each_is_a_right_command_line_and_stands_whole_in_the_help(path):
    names = path.split()
    shown = CliRunner().invoke(relayctl, [*names, "--help"], prog_name="relayctl").output
    for example in EXAMPLES[path]:
        assert f"\n  {example}\n" in shown
        words = shlex.split(example)
        assert words[: len(names) + 1] == ["relayctl", *names]
        # Raises what the command would say of a wrong option.
        COMMANDS[path].make_context(names[-1], words[len(names) + 1 :])
