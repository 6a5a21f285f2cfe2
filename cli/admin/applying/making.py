"""Making a plan so: one call a change, in order; names become ids at the moment they are sent."""

import functools
import json
import os
from pathlib import Path
from typing import Any

from cli.admin.applying.plan import Change, Present, renamed_rules
from cli.admin.client import Client, one


class Maker:
    """Makes changes. A key that is made is written to `keys_file` before anything else is done."""

    def __init__(self, client: Client, present: Present, keys_file: Path | None) -> None:
        self._client = client
        self._ids = present.ids
        self._keys_file = keys_file

    def make(self, change: Change) -> None:
        """Raises `Refused` and `Unreachable`."""
        kind, name = change.kind, change.name
        if change.action == "remove":
            self._client.send("DELETE", one(kind.path, change.id or name))
            self._ids[kind.section].pop(name, None)
            return
        body = self._sent(change)
        if kind.section == "organisation":
            self._client.send("PATCH", kind.path, body=body)
        elif kind.by_path:
            self._client.send("PUT", one(kind.path, name), body=body)
        elif change.action == "change":
            self._client.send("PATCH", one(kind.path, change.id), body=body)
        else:
            made = self._client.send("POST", kind.path, body={kind.name_member: name} | body).body
            self._ids.setdefault(kind.section, {})[name] = made["id"]
            if "key" in made:
                self._keep(name, made)

    def _keep(self, name: str, made: dict[str, Any]) -> None:
        if self._keys_file is None:
            raise LookupError("a key is made only where it can be kept")
        line = json.dumps({"name": name, "id": made["id"], "key": made["key"]})
        descriptor = os.open(self._keys_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _sent(self, change: Change) -> dict[str, Any]:
        members = dict(change.members)
        for reference in change.kind.references:
            if reference.member not in members:
                continue
            value = members.pop(reference.member)
            found = functools.partial(self._id, reference.kind)
            if reference.many:
                members[reference.sent] = [found(each) for each in value or []]
            else:
                members[reference.sent] = None if value is None else found(value)
        if change.kind.section == "aliases":
            members["rules"] = renamed_rules(members["rules"], lambda name: self._id("teams", name))
        return members

    def _id(self, section: str, name: str) -> str:
        return self._ids[section][name] if section else name
