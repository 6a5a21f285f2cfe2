"""How a command that works on a cluster fails: what is said, and with which exit code."""

import click

from cli.admin.text import printable

EXIT_REFUSED = 1
EXIT_UNREACHABLE = 3


class ClusterRefused(click.ClickException):
    """The cluster said no, or what is there does not fit; the text says what to do."""

    exit_code = EXIT_REFUSED

    def format_message(self) -> str:
        """The sentence, line by line, without what could steer a terminal."""
        return "\n".join(printable(line) for line in self.message.splitlines())


class ClusterUnreachable(ClusterRefused):
    """No answer from the API server, or none that helps."""

    exit_code = EXIT_UNREACHABLE
