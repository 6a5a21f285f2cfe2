"""The OpenAPI 3.1 document of the admin API, made of its operations."""

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from common.domain.roles import Actor, Role, Rule
from functions.key_admin.identity.cookies import CSRF_HEADER, SESSION
from functions.key_admin.models.fields import Problem
from functions.key_admin.operation import Operation

TITLE = "Relay admin API"
VERSION = "1"
_WORDS = {
    400: "The body is no JSON",
    401: "What says who calls is missing or wrong",
    403: "The caller's role does not admit it; the detail says which does",
    404: "There is no such thing",
    409: "It cannot be done as things are; the detail says why",
    412: "It was changed meanwhile: If-Match names an older version",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "A field or parameter is not valid; `errors` names each",
    429: "Too many wrong keys or passwords, or test calls; `retry-after` says how long to wait",
    500: "Relay failed; its log says how",
    503: "A store is away; nothing was changed",
}
_EVERYWHERE = (401, 403, 422, 429, 500, 503)
_WITH_BODY = (400, 413, 415)
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "the master key, the access token of a session, or a service account's token",
}
_SESSION = {
    "type": "apiKey",
    "in": "cookie",
    "name": f"__Host-{SESSION}",
    "description": f"a browser's session; changes need the header `{CSRF_HEADER}` too",
}
_PARAMETER = re.compile(r"{(\w+)}")


def document(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """The whole document."""
    models = _models(operations)
    _, schemas = models_json_schema(
        [(model, _mode(model)) for model in models],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": "Keys, accounts, users, teams, usage and operations of Relay.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"bearer": _BEARER, "session": _SESSION},
        },
        "security": [{"bearer": []}, {"session": []}],
    }


def _models(operations: tuple[Operation, ...]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {Problem: None}
    for operation in operations:
        for model in (operation.answer, operation.body):
            if model is not None:
                found[model] = None
    return list(found)


def _mode(model: type[BaseModel]) -> Any:
    """Bodies are described as they are read, everything else as it is written."""
    return "validation" if model.model_config.get("extra") == "forbid" else "serialization"


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "description": f"{(operation.handler.__doc__ or '').strip()}\n\n"
        f"For: {operation.may.words}.".strip(),
        "operationId": _name(operation),
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "x-relay-roles": _roles(operation.may),
    }
    if operation.may.public:
        described["security"] = []
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": _reference(operation.body)}},
        }
    return described


def _roles(rule: Rule) -> list[str]:
    """Whom the rule admits; none where nobody is asked."""
    if rule.public:
        return []
    return [role.value for role in Role if rule.admits(Actor("", "password", role, ""))]


def _name(operation: Operation) -> str:
    """Unique, as handlers are in their file and files in `api`."""
    file = operation.handler.__module__.rpartition(".")[2]
    return f"{file}_{operation.handler.__name__}"


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        schema: dict[str, Any] = operation.query.model_json_schema()
        for name, described in schema["properties"].items():
            one = {"name": name, "in": "query", "schema": _without_null(described)}
            if name in schema.get("required", ()):
                one["required"] = True
            parameters.append(one)
    if operation.idempotent_by_key:
        text = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": text})
    if operation.versioned:
        parameters.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}})
    return parameters


def _without_null(described: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is absent: null cannot be written in a query."""
    kinds: list[dict[str, Any]] = [
        kind for kind in described.get("anyOf", []) if kind != {"type": "null"}
    ]
    rest = {
        name: value
        for name, value in described.items()
        if name != "anyOf" and not (name == "default" and value is None)
    }
    if len(kinds) == 1:
        return {**rest, **kinds[0]}
    return rest | {"anyOf": kinds} if kinds else rest


def _responses(operation: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        good["content"] = {operation.answer_type: {"schema": _reference(operation.answer)}}
    statuses = set(_EVERYWHERE) | set(operation.refusals)
    if operation.body is not None:
        statuses |= set(_WITH_BODY)
    if operation.versioned:
        statuses.add(412)
    if operation.idempotent_by_key:
        statuses.add(409)
    problem = {"application/problem+json": {"schema": _reference(Problem)}}
    refusals = {
        str(status): {"description": _WORDS[status], "content": problem}
        for status in sorted(statuses)
    }
    return {str(operation.status): good, **refusals}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
