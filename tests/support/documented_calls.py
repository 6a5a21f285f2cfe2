"""Calls of the admin API as its document has them: what there is for them, and what is checked."""

import itertools
import json
import os

from common.domain.ids import ulid_to_uuid
from common.domain.usage import encode
from common.identifiers import new_ulid
from tests.support.key_admin import EDGE_TOKEN, MASTER_KEY, new_address
from tests.support.usage_records import make_record, post_records

# Where nobody listens: a test call asks there.
NOBODY = "http://127.0.0.1:9/v1"


class Existing(dict):
    """By name of a path's parameter: an id that there is, made for a test that asks for it."""

    def __init__(self, served):
        self._served = served
        account = {"provider": "openai", "credential": {"api_key": "sk"}, "base_url": NOBODY}
        self.makers = {
            "key_id": lambda: served.created()["id"],
            "account_id": lambda: self._post("accounts", name=new_address(), **account),
            "user_id": lambda: self._post("users", id=new_address()),
            "team_id": lambda: self._post("teams", name=new_address()),
            "group_id": lambda: self._post("groups", name=new_address()),
            "service_account_id": lambda: self._post(
                "service-accounts", name=new_address(), role="viewer"
            ),
            "name": self._name,
            "record_id": self._quarantined,
            "letter_id": self._dead_letter,
            "session_id": self._session,
            "channel_id": self._channel,
            "delivery_id": self._delivery,
            "request_id": self._request,
            "export_id": self._export,
        }

    def __missing__(self, name):
        self[name] = self.makers[name]()
        return self[name]

    def _post(self, resource, **members):
        return self._served.call("POST", f"/internal/{resource}", json=members).json()["id"]

    def _name(self):
        """Of an alias, and of a model."""
        name = new_address()
        for path, rules in (("aliases", {"rules": [{"models": {"m": 1}}]}), ("models", {})):
            answer = self._served.call("PUT", f"/internal/{path}/{name}", json=rules)
            answer.raise_for_status()
        return name

    def _quarantined(self):
        record_id = os.urandom(32)
        self._served.rows(
            "INSERT INTO quarantine (fingerprint, reason, detail, record) "
            "VALUES (%s, 'malformed', '', %s)",
            *(record_id, encode(make_record())),
        )
        return record_id.hex()

    def _dead_letter(self):
        letter_id = new_ulid()
        self._served.rows(
            "INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body) "
            "VALUES (%s, %s, '/tests', 'a.type', '{}', '')",
            *(ulid_to_uuid(letter_id), letter_id),
        )
        return letter_id

    def _session(self):
        answer = self._served.call("POST", "/internal/session", json={"master_key": MASTER_KEY})
        return answer.json()["session"]["id"]

    def _channel(self):
        channel_id = new_ulid()
        self._served.rows(
            "INSERT INTO notification_channels (id, name, kind, settings, sealed_secrets, "
            "severity, enabled) VALUES (%s, %s, 'webhook', '{}', 'lost:', 'info', true)",
            *(ulid_to_uuid(channel_id), channel_id),
        )
        return channel_id

    def _delivery(self):
        delivery_id = new_ulid()
        notice = {"event_id": "e", "kind": "test", "severity": "info", "title": "t", "text": "x",
                  "time": ""}  # fmt: skip
        self._served.rows(
            "INSERT INTO notification_deliveries (id, channel_id, event_id, notice) "
            "VALUES (%s, %s, 'e', %s)",
            *(ulid_to_uuid(delivery_id), ulid_to_uuid(self["channel_id"]), json.dumps(notice)),
        )
        return delivery_id

    def _request(self):
        recorded = make_record()
        post_records(self._served.database_url, recorded)
        return recorded.id

    def _export(self):
        export_id = new_ulid()
        exported = self._served.get("/internal/usage/records.csv", progress=export_id)
        exported.raise_for_status()
        return export_id


# Made-up ids, versions and keys only ever fit nothing: every other call has right ones or none.
counted = itertools.count()


def check_call(case, served, existing):
    """The server does not fail, and the answer's status, type and shape are of the document."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    if next(counted) % 2:
        for name in set(case.path_parameters or {}) & set(existing.makers):
            case.path_parameters[name] = existing[name]
        for name in ("If-Match", "Idempotency-Key"):
            (case.headers or {}).pop(name, None)
    headers = {
        "authorization": f"Bearer {MASTER_KEY}",
        "x-relay-edge-token": EDGE_TOKEN,
        "x-forwarded-for": new_address(),
    }
    case.call_and_validate(base_url=served.url, headers=headers, checks=checks, timeout=60)
