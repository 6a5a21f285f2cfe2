"""How a command of the administrator fails: what is said, and with which exit code."""

from collections.abc import Mapping
from typing import Any

import click

from cli.admin.text import printable

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
# Of `redaction try` alone.
EXIT_NOT_SEARCHED = 5
EXIT_CODES = (
    ("0", "it is done"),
    (str(EXIT_REFUSED), "the server refused; standard error says why, with the request's id"),
    (str(EXIT_USAGE), "wrong options, or nothing to sign in with"),
    (str(EXIT_UNREACHABLE), "the server, or a store behind it, cannot be reached"),
)
# `policy` is what `redaction try` sends of --redaction.
_GIVEN_WHOLE = frozenset(("redaction", "policy", "content_policy", "response_cache"))


class Refused(click.ClickException):
    """The server said no. `fields` are those at fault, each with what to do about it."""

    exit_code = EXIT_REFUSED

    def __init__(
        self,
        detail: str,
        *,
        fields: tuple[tuple[str, str], ...] = (),
        request_id: str = "",
        note: str = "",
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        self.request_id = request_id
        self.note = note
        self.options: Mapping[str, str] = {}

    def format_message(self) -> str:
        """A sentence, or one for each field at fault, and the id to look for in the logs."""
        if self.fields:
            said = [f"{self._named(field)}: {message}" for field, message in self.fields]
        else:
            said = [self.detail]
        if self.note:
            said.append(self.note)
        if self.request_id:
            said.append(f"request_id: {self.request_id}")
        return "\n  ".join(printable(line) for line in said)

    def _named(self, field: str) -> str:
        """The field, and the option that sets it: `models.allow[0]` is set by --allow.

        `redaction.allow[0]` is not: what an option gives whole has members of others' names.
        """
        steps = field.split(".")
        for step in steps[:1] if steps[0] in _GIVEN_WHOLE else reversed(steps):
            option = self.options.get(step.partition("[")[0].replace("-", "_").lower())
            if option:
                return f"{field} ({option})"
        return field


class Unreachable(click.ClickException):
    """No answer, or only that a store is away."""

    exit_code = EXIT_UNREACHABLE

    def format_message(self) -> str:
        """The sentence, without what could steer a terminal."""
        return printable(self.message)


def refused(status: int, body: Any, request_id: str, note: str) -> Refused:
    """What the answer with that body (problem details, RFC 9457) says."""
    if not isinstance(body, dict) or not isinstance(body.get("detail"), str):
        detail = f"the server answered {status} without saying why; is --url the admin API's?"
        return Refused(detail, request_id=request_id, note=note)
    errors = body.get("errors")
    fields = tuple(
        (str(error.get("field")), str(error.get("message")))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    )
    said = body.get("request_id") or request_id
    return Refused(body["detail"], fields=fields, request_id=str(said), note=note)
