"""Keys that were chosen, changed or revoked together: what to change, what it does, done."""

import secrets
from typing import Any

from starlette.responses import Response

from functions.key_admin.console import editing, fields
from functions.key_admin.console.faults import beside, said
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/api-keys/bulk"
FILTERS = ("search", "status", "team_id", "user_id", "tag")
# In the forms a filter is called otherwise than the member of the same name that is to change.
_CARRIED = {name: f"filter.{name}" for name in FILTERS}
NO_TEAM = "-"
_LIMITS = tuple(Input(f"limits.{name}", "integer") for name in fields.COUNTS)
_BUDGETS = tuple(field for field in fields.LIMITS if field.path.startswith("budgets["))
KIND = editing.Kind(
    fields=(
        Input("add_tags", "lines"),
        Input("remove_tags", "lines"),
        Input("team_id"),
        Input("status"),
        Input("expires_at", "moment"),
        Input("no_expiry", "flag"),
        *_LIMITS,
        *_BUDGETS,
        Input("no_budgets", "flag"),
    ),
    nothing={},
)


async def show(view: View) -> Response:
    """What is to change, of the keys that were chosen."""
    query = view.request.query_params
    if query.get("which") == "filter":
        chosen = {_CARRIED[name]: query.get(name, "") for name in FILTERS} | {"which": "filter"}
    else:
        chosen = {"ids": " ".join(dict.fromkeys(query.getlist("k")))}
    return await _form(view, chosen, dict.fromkeys(KIND.paths, ""), {})


async def submit(view: View, form: dict[str, str]) -> Response:
    """What it does, to be confirmed; then done."""
    stage = form.get("stage", "")
    try:
        body = _body(view, form)
        if stage == "edit":
            return await _form(view, form, form, {})
        if stage == "apply":
            return await _applied(view, form, body)
        return await _preview(view, form, body)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        found = (
            (one.field.removeprefix("set."), said(view.words, view.formats, one))
            for one in problem.errors
        )
        errors = beside(found, dict.fromkeys(KIND.paths, "") | form)
        return await _form(view, form, form, errors or {"": problem.detail})


async def _applied(view: View, form: dict[str, str], body: dict[str, Any]) -> Response:
    once = form.get("once", "")
    try:
        answer = await view.api.ask(
            "PATCH", PATH, body=body, version=form.get("version", ""), once=once
        )
    except Problem as problem:
        if problem.status != 412:
            raise
        return await _preview(view, form, body, changed_meanwhile=True)
    done = "revoked" if body.get("revoke") else "changed"
    back = {name: form.get(_CARRIED[name], "") for name in FILTERS}
    changed = str(answer.body["changed"])
    return view.redirect(view.link("/admin/keys", **back, done=done, n=changed))


async def _preview(
    view: View, form: dict[str, str], body: dict[str, Any], *, changed_meanwhile: bool = False
) -> Response:
    answer = await view.api.ask("PATCH", PATH, body=body | {"dry_run": True})
    carried = ("ids", "which", "act", *_CARRIED.values(), *KIND.paths)
    return view.page(
        "keys_change_preview.html",
        412 if changed_meanwhile else 200,
        section="keys",
        found=answer.body,
        version=answer.etag,
        carried={name: form[name] for name in carried if form.get(name)},
        revoke=bool(body.get("revoke")),
        changed_meanwhile=changed_meanwhile,
        once=secrets.token_urlsafe(18),
        teams=await names.of_teams(view),
    )


def _body(view: View, form: dict[str, str]) -> dict[str, Any]:
    body = _chosen(form)
    if form.get("act") == "revoke":
        return body | {"revoke": True}
    given = editing.body_of(view, KIND, form)
    body |= {name: given[name] for name in ("add_tags", "remove_tags") if name in given}
    names_given = ("status", "expires_at", "budgets")
    change: dict[str, Any] = {name: given[name] for name in names_given if name in given}
    if given.get("no_expiry"):
        change["expires_at"] = None
    if given.get("no_budgets"):
        change["budgets"] = []
    if "team_id" in given:
        change["team_id"] = None if given["team_id"] == NO_TEAM else given["team_id"]
    if "limits" in given:
        # No limit of 0 can be set: it stands for none.
        limits = given["limits"]
        change["limits"] = {name: None if most == 0 else most for name, most in limits.items()}
    return body | ({"set": change} if change else {})


def _chosen(form: dict[str, str]) -> dict[str, Any]:
    if form.get("which") == "filter":
        found = {name: form[sent] for name, sent in _CARRIED.items() if form.get(sent)}
        return {"filter": found}
    return {"ids": form.get("ids", "").split()}


async def _form(
    view: View, chosen: dict[str, str], values: dict[str, str], errors: dict[str, str]
) -> Response:
    ids = chosen.get("ids", "").split()
    found = await names.of_keys(view, ids)
    shown = editing.Form({path: values.get(path, "") for path in KIND.paths}, errors=errors)
    return view.page(
        "keys_change.html",
        shown.status,
        section="keys",
        form=shown,
        values=shown.values,
        errors=errors,
        chosen={
            name: chosen[name] for name in ("ids", "which", *_CARRIED.values()) if chosen.get(name)
        },
        filters={name: chosen[sent] for name, sent in _CARRIED.items() if chosen.get(sent)},
        ids=ids,
        names=list(found.values()),
        nothing=not ids and chosen.get("which") != "filter",
        no_team=NO_TEAM,
        teams=await names.of_teams(view),
        **fields.CHOICES,
    )
