"""The policies of a level: what it says itself, what holds and which level says it; tried."""

from typing import Any

import msgspec
from starlette.responses import Response

from functions.key_admin.console.faults import by_field
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

TRIAL = "/internal/redaction/try"


class Level(msgspec.Struct, frozen=True):
    """Whose policies a page is of: the organisation's without an id, a team's or a key's."""

    section: str
    id: str = ""

    @property
    def path(self) -> str:
        """Where the API has it."""
        if not self.id:
            return "/internal/organisation"
        return f"/internal/{'teams' if self.section == 'teams' else 'api-keys'}/{self.id}"

    @property
    def home(self) -> str:
        """Its own page."""
        return f"/admin/{self.section}/{self.id}" if self.id else "/admin/organisation"

    @property
    def address(self) -> str:
        """The page of its policies."""
        return f"{self.home}/policies" if self.id else "/admin/policies"

    @property
    def query(self) -> dict[str, str]:
        """As filters name it."""
        if not self.id:
            return {}
        return {"team_id" if self.section == "teams" else "key_id": self.id}

    def may_change(self, view: View) -> bool:
        """Whether the person may change its rules: who sees a part of all keys may not."""
        path = "/internal/teams/x" if self.id else self.path
        return view.api.may("PATCH", path)


def level_of(of: str | None, of_id: str | None) -> Level:
    """The level that an address names."""
    return Level(of, of_id) if of and of_id else Level("policies")


async def show(view: View, of: str | None, of_id: str | None) -> Response:
    """The page."""
    return await _page(view, level_of(of, of_id))


async def try_text(view: View, form: dict[str, str], of: str | None, of_id: str | None) -> Response:
    """The page with what becomes of a text by all that holds. Nothing of it is kept."""
    level = level_of(of, of_id)
    text = typed_text(form)
    try:
        tried = await trial(view, level, text, {})
    except Problem as problem:
        if problem.status != 422:
            raise
        return await _page(view, level, text=text, errors=errors_of(view, problem, ""))
    return await _page(view, level, text=text, tried=tried)


async def trial(view: View, level: Level, text: str, rules: dict[str, Any]) -> dict[str, Any]:
    """What the rules make of a text; without any, what holds for the level. Raises `Problem`."""
    body = rules or level.query or {"organisation": True}
    sent = {"text": text, **body}
    answer: dict[str, Any] = (await view.api.ask("POST", TRIAL, body=sent)).body
    return answer | {"segments": segments(text, answer["findings"])}


def typed_text(form: dict[str, str]) -> str:
    """The text of the trial as it was typed: browsers send other ends of lines."""
    return form.get("text", "").replace("\r\n", "\n")


def segments(text: str, findings: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any] | None]]:
    """The text in pieces, each with the finding that it is, if it is one."""
    pieces: list[tuple[str, dict[str, Any] | None]] = []
    since = 0
    for one in findings:
        pieces += [(text[since : one["start"]], None), (text[one["start"] : one["end"]], one)]
        since = one["end"]
    return [(piece, one) for piece, one in [*pieces, (text[since:], None)] if piece]


def errors_of(view: View, problem: Problem, member: str) -> dict[str, str]:
    """By the fields of the form: what the trial calls `policy` is the form's `redaction`."""
    found = by_field(view.words, view.formats, problem, {})
    if member == "redaction":
        found = {
            f"redaction{name.removeprefix('policy')}" if name.startswith("policy") else name: text
            for name, text in found.items()
        }
    return found


async def _page(
    view: View,
    level: Level,
    *,
    text: str = "",
    tried: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    rules = await view.api.get("/internal/content-rules", **level.query)
    return view.page(
        "policies.html",
        422 if errors else 200,
        section=level.section,
        level=level,
        levels={one["level"]: one for one in rules["levels"]},
        own=rules["levels"][0],
        holds=rules,
        may_change=level.may_change(view),
        may_try=view.api.may("POST", TRIAL),
        may_forget=view.api.may("DELETE", "/internal/response-cache"),
        done=view.query.get("done", ""),
        text=text,
        tried=tried,
        errors=errors or {},
    )
