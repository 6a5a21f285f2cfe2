"""The admin API does what its OpenAPI document says, whatever it is sent.

schemathesis makes calls of the document, right ones and wrong ones, the same in every run: no call
may make a server fail, and every answer has a status, a type and a shape of the document.
"""

import itertools
import json
import os
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from common.domain.ids import ulid_to_uuid
from common.domain.usage import encode
from common.identifiers import new_ulid
from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from tests.support.key_admin import EDGE_TOKEN, MASTER_KEY, new_address, served_key_admin
from tests.support.usage_records import make_record, post_records

EXAMPLES_MAX = 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(document(OPERATIONS))
schema.config.generation.update(deterministic=True, max_examples=EXAMPLES_MAX)


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def existing(served, redis_server):
    """By name of a path's parameter: an id that there is."""

    def post(path, **members):
        return served.call("POST", path, json=members).json()["id"]

    record_id, letter_id, recorded = os.urandom(32), new_ulid(), make_record()
    post_records(served.database_url, recorded)
    served.rows(
        "INSERT INTO quarantine (fingerprint, reason, detail, record) "
        "VALUES (%s, 'malformed', '', %s)",
        *(record_id, encode(make_record())),
    )
    served.rows(
        "INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body) "
        "VALUES (%s, %s, '/tests', 'a.type', '{}', '')",
        *(ulid_to_uuid(letter_id), letter_id),
    )
    channel_id, delivery_id = new_ulid(), new_ulid()
    served.rows(
        "INSERT INTO notification_channels (id, name, kind, settings, sealed_secrets, severity, "
        "enabled) VALUES (%s, %s, 'webhook', '{}', 'lost:', 'info', true)",
        *(ulid_to_uuid(channel_id), channel_id),
    )
    notice = {"event_id": "e", "kind": "test", "severity": "info", "title": "t", "text": "x",
              "time": ""}  # fmt: skip
    served.rows(
        "INSERT INTO notification_deliveries (id, channel_id, event_id, notice) "
        "VALUES (%s, %s, 'e', %s)",
        *(ulid_to_uuid(delivery_id), ulid_to_uuid(channel_id), json.dumps(notice)),
    )
    name, credential = new_address(), {"api_key": "sk"}
    rules = [{"models": {"m": 1}}]
    served.call("PUT", f"/internal/aliases/{name}", json={"rules": rules}).raise_for_status()
    served.call("PUT", f"/internal/models/{name}", json={}).raise_for_status()
    # Where nobody listens: a test call asks there.
    nobody = "http://127.0.0.1:9/v1"
    session = served.call("POST", "/internal/session", json={"master_key": MASTER_KEY}).json()
    session = session["session"]
    account = {"name": name, "provider": "openai", "credential": credential, "base_url": nobody}
    return {
        "key_id": served.created()["id"],
        "account_id": post("/internal/accounts", **account),
        "user_id": post("/internal/users", id=name),
        "team_id": post("/internal/teams", name=name),
        "group_id": post("/internal/groups", name=name),
        "name": name,
        "record_id": record_id.hex(),
        "letter_id": letter_id,
        "session_id": session["id"],
        "service_account_id": post("/internal/service-accounts", name=name, role="viewer"),
        "channel_id": channel_id,
        "delivery_id": delivery_id,
        "request_id": recorded.id,
    }


def test_every_parameter_of_a_path_has_one_that_there_is(existing):
    named = {name for operation in OPERATIONS for name in re.findall("{(.*?)}", operation.path)}
    assert named == set(existing)


counted = itertools.count()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_MAX,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_the_document_says(case, served, existing):
    # Made-up ids, versions and keys only ever fit nothing: every other call has right ones or none.
    if next(counted) % 2:
        for name in set(case.path_parameters or {}) & set(existing):
            case.path_parameters[name] = existing[name]
        for name in ("If-Match", "Idempotency-Key"):
            (case.headers or {}).pop(name, None)
    headers = {
        "authorization": f"Bearer {MASTER_KEY}",
        "x-relay-edge-token": EDGE_TOKEN,
        "x-forwarded-for": new_address(),
    }
    case.call_and_validate(base_url=served.url, headers=headers, checks=CHECKS, timeout=30)
