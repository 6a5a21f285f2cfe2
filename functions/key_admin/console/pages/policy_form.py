"""The form of one policy of a level; it is tried before it is saved."""

from typing import Any

from starlette.responses import Response

from common.domain.content_policy import PATTERNS_MAX
from common.domain.roles import Role
from common.redaction.policy import CUSTOM_MAX
from functions.key_admin.console import editing, policy_kinds
from functions.key_admin.console.faults import beside
from functions.key_admin.console.pages import policies
from functions.key_admin.console.pages.policies import Level, level_of
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

# As the API's trial names what is typed.
_TRIED_AS = {"redaction": "policy", "content-policy": "content_policy"}


async def show(view: View, of: str | None, of_id: str | None, rule: str) -> Response:
    """The form as the level's policy is now."""
    level = level_of(of, of_id)
    answer = await view.api.ask("GET", level.path)
    form = editing.opened(view, policy_kinds.KINDS[rule], answer.body, answer.etag)
    return _page(view, level, rule, form, _name(level, answer.body))


async def submit(
    view: View, form: dict[str, str], of: str | None, of_id: str | None, rule: str
) -> Response:
    """Saved, and on to the policies; or the form again, also with what it makes of a text."""
    level, kind = level_of(of, of_id), policy_kinds.KINDS[rule]
    if form.get("act") == "try" and rule in _TRIED_AS:
        return await _tried(view, form, level, rule)
    again = await editing.saved(view, kind, level.path, form)
    if again is None:
        return view.redirect(view.link(level.address, done="saved"))
    name = _name(level, await view.api.get(level.path))
    return _page(view, level, rule, again, name, text=policies.typed_text(form))


async def _tried(view: View, form: dict[str, str], level: Level, rule: str) -> Response:
    """The form with what was typed, unsaved, and what it makes of the text."""
    kind, member = policy_kinds.KINDS[rule], rule.replace("-", "_")
    body = editing.body_of(view, kind, form)
    text, tried, errors = policies.typed_text(form), None, {}
    rules = {_TRIED_AS[rule]: body[member]} if member in body else {}
    try:
        tried = await policies.trial(view, level, text, rules)
    except Problem as problem:
        if problem.status != 422:
            raise
        errors = policies.errors_of(view, problem, member)
    typed = editing.shown(view, kind, body)
    errors = beside(errors.items(), typed)
    again = editing.Form(typed, form.get("base", ""), form.get("version", ""), errors)
    name = _name(level, await view.api.get(level.path))
    by_above = not rules
    return _page(view, level, rule, again, name, text=text, tried=tried, by_above=by_above)


def _name(level: Level, thing: dict[str, Any]) -> str:
    return str(thing["name"]) if level.id else ""


def _page(
    view: View,
    level: Level,
    rule: str,
    form: editing.Form,
    name: str,
    *,
    text: str = "",
    tried: dict[str, Any] | None = None,
    by_above: bool = False,
) -> Response:
    values = form.values
    return view.page(
        "policy_form.html",
        form.status,
        section=level.section,
        level=level,
        level_name=name,
        rule=rule,
        form=form,
        values=values,
        errors=form.errors,
        may_set_webhook=view.actor is not None and view.actor.role is Role.ADMIN,
        can_try=rule in _TRIED_AS and view.api.may("POST", policies.TRIAL),
        text=text,
        tried=tried,
        by_above=by_above,
        custom_rows=policy_kinds.rows_shown(values, "redaction.custom", CUSTOM_MAX),
        pattern_rows=policy_kinds.rows_shown(values, "content_policy.patterns", PATTERNS_MAX),
        **policy_kinds.CHOICES,
    )
