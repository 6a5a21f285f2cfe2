"""The simulator: which account would this request take at this moment, and why."""

from typing import Any, get_args

from starlette.responses import Response

from functions.key_admin.console.pages import names, overview
from functions.key_admin.console.view import View
from functions.key_admin.models.explained import Endpoint
from functions.key_admin.problem import Problem

PATH = "/internal/routing/explain"
KEYS_MAX = 200
FIELDS = (
    *("model", "key", "team", "endpoint", "tags", "headers", "input_tokens", "tools", "images"),
)
FOUND_MAX = 5


async def show(view: View) -> Response:
    """The form; and its answer where it was sent."""
    values = {name: view.query.get(name, "").strip() for name in FIELDS}
    values["endpoint"] = values["endpoint"] or "chat.completions"
    answer, errors, key = None, dict[str, str](), None
    if "endpoint" in view.query:
        key, error = await _key(view, values["key"])
        errors = {"key": error} if error else {}
        if not error:
            answer, errors = await _asked(view, values | {"key": key["id"] if key else ""})
    found = await view.gather(
        teams=names.of_teams(view),
        keys=view.api.get("/internal/api-keys", limit=KEYS_MAX, status="active"),
        aliases=view.api.get("/internal/aliases", limit=names.TEAMS_MAX),
        accounts=names.accounts(view),
        models=view.api.get("/internal/models", limit=names.TEAMS_MAX),
    )
    models = names.of_models(found["models"]["items"], found["accounts"])
    return view.page(
        "simulator.html",
        422 if errors else 200,
        section="routing",
        values=values,
        errors=errors,
        answer=answer,
        key=key,
        failing={one["id"] for one in found["accounts"] if overview.is_failing(one)},
        ways=[] if answer is None else _ways(answer),
        teams=found["teams"],
        keys=found["keys"]["items"],
        models=sorted(models | {one["name"] for one in found["aliases"]["items"]}),
        endpoints=get_args(Endpoint),
    )


async def _key(view: View, text: str) -> tuple[dict[str, Any] | None, str]:
    """The key that was named by its id, its name or a part of that; or what is wrong with it."""
    if not text:
        return None, ""
    page = await view.api.get("/internal/api-keys", search=text, limit=FOUND_MAX)
    items = page["items"]
    alone = [one for one in items if text in (one["id"], one["name"])] or items
    if len(alone) == 1:
        return alone[0], ""
    if not alone:
        return None, view.words("simulator.no_key")
    named = ", ".join(f"{one['name']} ({one['id']})" for one in alone)
    return None, view.words("simulator.several_keys", keys=named)


async def _asked(view: View, values: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """The answer, or what is wrong with which field."""
    try:
        return await view.api.get(PATH, **{one: text for one, text in values.items() if text}), {}
    except Problem as problem:
        if problem.status not in (404, 422):
            raise
        found = {
            each.field.partition("[")[0].partition(".")[0]: each.message for each in problem.errors
        }
        return None, found or {"": problem.detail}


def _ways(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Each model that the request may stand for, with its accounts: those asked, and the others."""
    found = []
    for way in answer["ways"]:
        accounts = [one for one in answer["accounts"] if one["stands_for"] == way["model"]]
        asked = [one for one in accounts if one["state"] != "left_out"]
        others = [one for one in accounts if one["state"] == "left_out"]
        found.append(way | {"asked": asked, "others": others})
    return found
