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
COMMANDS = [
    *(f"{name} {command}" for name, group in GROUPS.items() for command in group.commands),
    *ALONE,
]


def test_every_command_has_some():
    assert sorted(EXAMPLES) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_each_is_a_right_command_line_and_stands_whole_in_the_help(path):
    steps = path.split()
    shown = CliRunner().invoke(relayctl, [*steps, "--help"], prog_name="relayctl").output
    command = ALONE[path] if path in ALONE else GROUPS[steps[0]].commands[steps[1]]
    for example in EXAMPLES[path]:
        assert f"\n  {example}\n" in shown
        words = shlex.split(example)
        assert words[: len(steps) + 1] == ["relayctl", *steps]
        # Raises what the command would say of a wrong option.
        command.make_context(path, words[len(steps) + 1 :])
