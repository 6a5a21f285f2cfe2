"""The OpenAPI document: right by its own standard, and the same as what the code does."""

import re

import pytest
from pydantic import BaseModel, Field

from common.domain.roles import READ
from functions.key_admin.application import OPERATIONS, ROUTES
from functions.key_admin.identity import routes as identity
from functions.key_admin.models.fields import Sent
from functions.key_admin.openapi import document
from functions.key_admin.operation import Operation

DOCUMENT = document(OPERATIONS)
NAMES = [f"{one.method} {one.path}" for one in OPERATIONS]
BY_NAME = dict(zip(NAMES, OPERATIONS, strict=True))


def described(name):
    operation = BY_NAME[name]
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def references(value):
    """All `$ref` in it."""
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return found + [one for member in value.values() for one in references(member)]
    return (
        [one for member in value for one in references(member)] if isinstance(value, list) else []
    )


def test_it_has_every_route_and_no_other():
    paths = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert paths == {(one.method, one.path) for one in OPERATIONS}
    routed = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in ROUTES
        for method in route.methods - {"HEAD"}
    }
    # What callers ask of their own requests is no part of the admin API.
    own = {("GET", "/v1/usage"), ("GET", "/v1/usage/{request_id}")}
    # Nor are a browser's ways to an identity provider and out.
    own |= {(method, one.path) for one in identity.ROUTES for method in one.methods - {"HEAD"}}
    # Nor are pages.
    routed -= {(method, path) for method, path in routed if path.startswith(("/admin", "/portal"))}
    assert routed == paths | own | {("GET", "/docs"), ("GET", "/internal/openapi.json")}


def test_every_reference_leads_somewhere():
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in DOCUMENT["components"]["schemas"]


def test_names_are_given_once():
    names = [described(name)["operationId"] for name in NAMES]
    assert len(names) == len(set(names))
    assert len(NAMES) == len(set(NAMES))


def test_all_of_it_is_closed():
    assert DOCUMENT["security"] == [{"bearer": []}, {"session": []}]
    opened = {name for name in NAMES if described(name).get("security") == []}
    sessions = {"POST /internal/session", "POST /internal/session/refresh"}
    assert opened == sessions | {"POST /internal/self/check"}


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_is_described_whole(name):
    operation, found = BY_NAME[name], described(name)
    assert found["summary"] == operation.summary
    assert found["description"].endswith(".")
    in_path = [one["name"] for one in found["parameters"] if one["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", operation.path)
    assert all(one["required"] for one in found["parameters"] if one["in"] == "path")
    in_query = {one["name"] for one in found["parameters"] if one["in"] == "query"}
    assert in_query == set(operation.query.model_fields if operation.query else ())
    in_header = {one["name"] for one in found["parameters"] if one["in"] == "header"}
    assert ("If-Match" in in_header) == operation.versioned
    assert ("Idempotency-Key" in in_header) == operation.idempotent_by_key
    assert ("requestBody" in found) == (operation.body is not None)


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_has_one_good_answer_and_problems(name):
    operation, found = BY_NAME[name], described(name)["responses"]
    good = [status for status in found if status.startswith("2")]
    assert good == [str(operation.status)]
    assert ("content" in found[good[0]]) == (operation.answer is not None)
    assert (operation.answer is None) == (operation.status == 204)
    expected = {401, 403, 422, 429, 500, 503, *operation.refusals}
    expected |= {400, 413, 415} if operation.body else set()
    expected |= {412} if operation.versioned else set()
    expected |= {409} if operation.idempotent_by_key else set()
    assert {int(status) for status in found if status not in good} == expected
    for status in set(found) - set(good):
        (media_type,) = found[status]["content"]
        assert media_type == "application/problem+json"
        assert found[status]["description"]


@pytest.mark.parametrize("name", [name for name in NAMES if "{" in name])
def test_what_a_path_names_may_be_missing(name):
    assert "404" in described(name)["responses"]


def test_only_what_can_be_taken_away_may_be_null_in_a_change():
    found = {
        (name, field)
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name.endswith("Patch")
        for field, member in schema["properties"].items()
        if {"type": "null"} in member.get("anyOf", [member]) or "default" in member
    }
    taken_away = {("KeyPatch", "team_id"), ("KeyPatch", "expires_at"), ("UserPatch", "team_id")}
    levels = ("KeyPatch", "UserPatch", "TeamPatch", "OrganisationPatch")
    taken_away |= {
        (name, field)
        for name in (*levels, "AccountPatch")
        for field in ("limits", "budgets", "calendar")
    }
    taken_away |= {
        (name, field)
        for name in ("TeamPatch", "OrganisationPatch")
        for field in ("client_gone", "unpriced_models")
    }
    taken_away |= {
        (name, field)
        for name in ("KeyPatch", "TeamPatch", "OrganisationPatch")
        for field in ("redaction", "content_policy", "response_cache")
    }
    taken_away |= {("AccountPatch", "expires_at"), ("AccountPatch", "egress_proxy")}
    taken_away |= {("ServiceAccountPatch", "expires_at"), ("BrandingPatch", "logo")}
    taken_away |= {("ServiceAccountPatch", "expires_at")}
    taken_away |= {("TeamPatch", "self_service"), ("UserPatch", "subject")}
    taken_away |= {("KeyPatch", "activation"), *((name, "access") for name in levels)}
    taken_away |= {
        (name, field) for name in ("KeyPatch", "TeamPatch") for field in ("account_id", "group_id")
    }
    assert found == taken_away


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("PATCH")])
def test_a_change_can_be_tied_to_a_version(name):
    assert BY_NAME[name].versioned
    assert {"409", "412"} <= set(described(name)["responses"])


class Query(Sent):
    """One of each kind."""

    needed: int = Field(ge=1)
    count: int = 50
    text: str | None = None
    either: int | str | None = None


class Answer(BaseModel):
    """Something."""

    value: str | None = None


async def handler(call):
    """Do it."""


def test_a_parameter_is_never_null():
    operation = Operation(
        "GET", "/x/{x_id}", handler, "Do", "Tag", may=READ, answer=Answer, query=Query
    )
    found = document((operation,))["paths"]["/x/{x_id}"]["get"]
    schemas = {one["name"]: one["schema"] for one in found["parameters"]}
    assert schemas["x_id"] == {"type": "string"}
    assert schemas["needed"]["minimum"] == 1
    assert schemas["count"]["default"] == 50
    assert schemas["text"]["type"] == "string"
    assert "default" not in schemas["text"]
    assert schemas["either"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert found["description"] == "Do it.\n\nFor: viewer, operator, admin."
