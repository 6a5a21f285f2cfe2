"""Errors as problem details (RFC 9457): `request_id` always, `errors` where fields are at fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from functions.key_admin.models.patterns import words_for

RETRY_AFTER_S = 2
# Faults that are told; of more, only how many.
FAULTS_MAX = 50


class FieldError(BaseModel):
    """A field at fault and what to do about it.

    `cause` (pydantic's name of it, or `taken`) and its `values` are no part of an answer: by them
    pages say it in their reader's language.
    """

    field: str
    message: str
    cause: str = Field(default="", exclude=True)
    values: dict[str, Any] = Field(default_factory=dict, exclude=True)


class Problem(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def response(request: Request, problem: Problem) -> JSONResponse:
    """The problem as `application/problem+json`."""
    body: dict[str, Any] = {
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request.scope["relay.request_id"],
    }
    if problem.errors:
        body["errors"] = [error.model_dump() for error in problem.errors]
    return JSONResponse(
        body, problem.status, headers=problem.headers, media_type="application/problem+json"
    )


def invalid(error: ValidationError, where: str) -> Problem:
    """What pydantic found, field by field, at most `FAULTS_MAX`. `where` is the body or query."""
    told: dict[tuple[str, str], FieldError] = {}
    faults = iter(error.errors(include_url=False, include_input=False))
    for one in faults:
        field, message = _path(one["loc"]) or where, _message(one)
        values = one.get("ctx", {})
        fault = FieldError(field=field, message=message, cause=one["type"], values=values)
        told.setdefault((field, message), fault)
        if len(told) == FAULTS_MAX:
            break
    errors = list(told.values())
    named = ", ".join(dict.fromkeys(one.field for one in errors))
    if more := sum(1 for _ in faults):
        errors.append(FieldError(field=where, message=f"has {more} more faults, not told here"))
        named += f", and {more} more"
    return Problem(422, "Invalid request", f"The {where} is not valid: {named}", errors=errors)


def invalid_field(field: str, message: str) -> Problem:
    """One field at fault."""
    errors = [FieldError(field=field, message=message)]
    return Problem(422, "Invalid request", f"{field}: {message}", errors=errors)


def not_found(what: str) -> Problem:
    """404."""
    return Problem(404, "Not found", what)


def conflict(detail: str) -> Problem:
    """409."""
    return Problem(409, "Conflict", detail)


def taken(field: str, detail: str) -> Problem:
    """409: another one has this value of a field that each has for itself."""
    errors = [FieldError(field=field, message=detail, cause="taken")]
    return Problem(409, "Conflict", detail, errors=errors)


def unavailable(detail: str) -> Problem:
    """503: a store is away; nothing was changed."""
    return Problem(503, "Store unavailable", detail, headers={"retry-after": str(RETRY_AFTER_S)})


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        if step == "[key]":  # pydantic's word for a member's name, which is in the path already
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _message(error: Any) -> str:
    """What to do about it. A pattern is for programs, its words are in `words_for`."""
    match error["type"]:
        case "string_pattern_mismatch":
            return words_for(error["ctx"]["pattern"])
        case "extra_forbidden":
            return "is not known here: leave it out, or see /docs for the right name"
        case "too_short":
            return f"needs at least {error['ctx']['min_length']}"
        case "missing":
            return "is required"
        case "datetime_parsing" | "datetime_from_date_parsing":
            return "must be a time (RFC 3339), such as 2027-01-31T00:00:00Z"
        case "date_parsing" | "date_from_datetime_parsing":
            return "must be a date, such as 2027-01-31"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
