"""Importing a price book: what it changes is shown, and what was shown is what is imported."""

import hashlib
from typing import Any

import msgspec
from starlette.responses import Response

from functions.key_admin.console.editing import with_zone
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/prices"
# A table of more is no use to anybody: relayctl prices diff has all.
MODELS_SHOWN = 200


async def show(view: View) -> Response:
    """The empty form."""
    return _page(view, {})


async def submit(view: View, form: dict[str, str]) -> Response:
    """The differences; then, where they are the same still, the import."""
    try:
        book = _read(form.get("book", ""))
        changes = (await view.api.ask("POST", f"{PATH}/diff", body={"book": book})).body["items"]
        begins = form.get("effective_from", "").strip()
        seen = _digest(book, begins, changes)
        if form.get("act") != "import":
            return _page(view, form, changes=changes, seen=seen)
        if form.get("seen") != seen:
            return _page(view, form, changes=changes, seen=seen, is_other=True)
        body = {"book": book} | ({"effective_from": with_zone(view, begins)} if begins else {})
        made = (await view.api.ask("POST", f"{PATH}/books", body=body)).body
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _page(view, form, errors=_errors(problem), status=problem.status)
    done = "unchanged" if made["unchanged"] else "imported"
    return view.redirect(view.link("/admin/prices", done=done, book=made["name"]))


def _read(text: str) -> dict[str, Any]:
    """The book as JSON. Raises `Problem` 422."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        what = "is required" if not text.strip() else f"must be a JSON object: {error}"
        # As the API says what is wrong with a field.
        raise Problem(422, "Invalid request", f"book: {what}") from None


def _digest(book: dict[str, Any], begins: str, changes: list[Any]) -> str:
    """Of all that was looked at: the book, since when it holds, and what it changes now."""
    looked_at = msgspec.json.encode([book, begins, changes])
    return hashlib.sha256(looked_at).hexdigest()


def _errors(problem: Problem) -> dict[str, str]:
    """Beside the field that is to blame, which is the book unless it is the time."""
    if not problem.errors:
        return {"book": problem.detail.removeprefix("book: ")}
    found: dict[str, str] = {}
    for one in problem.errors:
        field = "effective_from" if one.field == "effective_from" else "book"
        where = "" if one.field in (field, "book") else f"{one.field}: "
        found[field] = f"{found.get(field, '')} {where}{one.message}".strip()
    return found


def _page(
    view: View,
    form: dict[str, str],
    *,
    changes: list[dict[str, Any]] | None = None,
    seen: str = "",
    is_other: bool = False,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    kinds = [one["change"] for one in changes or []]
    return view.page(
        "price_import.html",
        412 if is_other else status,
        section="prices",
        values={name: form.get(name, "") for name in ("book", "effective_from")},
        errors=errors or {},
        changes=None if changes is None else changes[:MODELS_SHOWN],
        counts={name: kinds.count(name) for name in ("changed", "added", "removed")},
        more=max(0, len(kinds) - MODELS_SHOWN),
        seen=seen,
        is_other=is_other,
    )
