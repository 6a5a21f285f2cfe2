"""What the benchmark of the console asks: every page and every GET there is, and their filters.

Pages are read from the `PAGES` of the sites, operations from `OPERATIONS`; what stands in their
addresses is taken from the database by its name. What no sample is known for is asked for nothing.
"""

import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.rows import dict_row

from common.domain.ids import uuid_to_ulid

# Where pages are: the module with `PAGES`, and what is before each of their addresses.
SITES = (
    ("functions.key_admin.console.site", "/admin"),
    ("functions.key_admin.portal.site", "/portal"),
)
# By the name that stands in an address; a table that is empty, or not there, gives no sample.
_IDS = {
    "key_id": "SELECT key_id AS id FROM ledger ORDER BY ledger.id DESC LIMIT 1",
    "team_id": "SELECT id FROM teams ORDER BY id LIMIT 1",
    "account_id": "SELECT id FROM accounts ORDER BY id LIMIT 1",
    "request_id": "SELECT id FROM ledger ORDER BY id DESC LIMIT 1",
    "letter_id": "SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1",
    "session_id": "SELECT id FROM sessions ORDER BY id LIMIT 1",
    "own_key_id": "SELECT key_id AS id FROM api_key_secrets WHERE prefix = 'cr_benchma'",
    "own_request_id": "SELECT ledger.id FROM ledger JOIN api_key_secrets AS own USING (key_id) "
    "WHERE own.prefix = 'cr_benchma' ORDER BY ledger.id DESC LIMIT 1",
    "service_account_id": "SELECT id FROM service_accounts ORDER BY id LIMIT 1",
    "group_id": "SELECT id FROM account_groups LIMIT 1",
    "channel_id": "SELECT id FROM notification_channels LIMIT 1",
    "busy_key_id": "SELECT key_id AS id FROM usage_periods WHERE step = 'month' AND since = "
    "date_trunc('month', now(), 'UTC') ORDER BY requests DESC LIMIT 1",
    "idle_team_id": "SELECT id FROM teams WHERE name = 'Nobody'",
    "last_key": "SELECT id FROM api_keys ORDER BY id OFFSET 20 LIMIT 1",
    "last_name": "SELECT id FROM api_keys ORDER BY lower(name) DESC, id DESC OFFSET 20 LIMIT 1",
    "last_record": "SELECT id FROM ledger ORDER BY id OFFSET 20 LIMIT 1",
    "last_audit": "SELECT id FROM audit ORDER BY id OFFSET 20 LIMIT 1",
    "last_letter": "SELECT id FROM dead_letters ORDER BY id OFFSET 20 LIMIT 1",
}
_TEXTS = {
    "user_id": "SELECT user_id AS id FROM ledger ORDER BY ledger.id DESC LIMIT 1",
    "model": "SELECT model_served AS id FROM ledger ORDER BY ledger.id DESC LIMIT 1",
    "key_name": "SELECT name AS id FROM api_keys ORDER BY id LIMIT 1",
    "key_prefix": "SELECT prefix AS id FROM api_key_secrets LIMIT 1",
    "fingerprint": "SELECT encode(fingerprint, 'hex') AS id FROM quarantine LIMIT 1",
    "last_quarantined": "SELECT encode(fingerprint, 'hex') AS id FROM quarantine "
    "ORDER BY received_at, fingerprint OFFSET 20 LIMIT 1",
    "day": "SELECT to_char(now() - interval '200 days', 'YYYY-MM-DD') AS id",
    "next_day": "SELECT to_char(now() - interval '199 days', 'YYYY-MM-DD') AS id",
    "month_ago": "SELECT to_char(now() - interval '30 days', 'YYYY-MM-DD') AS id",
}
_BERLIN = ("cookie", "relay-zone=Europe/Berlin")
_PARTIAL = ("hx-request", "true")
_GROUP = re.compile(r"\(\?P<(\w+)>((?:[^()\[\]]|\[[^\]]*\])*)\)")
_MAYBE = re.compile(r"\(\?:(.*?/)\)\?(.*)")
_CHOICE = re.compile(r"[\w-]+(?:\|[\w-]+)+")
# What is called `name` depends on what stands before it.
_NAMES = {
    "keys": "key_id",
    "teams": "team_id",
    "users": "user_id",
    "dead-letters": "letter_id",
    "quarantine": "fingerprint",
    "service-accounts": "service_account_id",
}


@dataclass(frozen=True)
class Ask:
    """One address. `kind` is `page`, `fragment` (of a page, by htmx) or `operation`."""

    kind: str
    label: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


def samples(url: str) -> dict[str, str]:
    """A value for each name, of what is in the database."""
    found: dict[str, str] = {}
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        for statements in (_IDS, _TEXTS):
            for name, statement in statements.items():
                try:
                    row: Any = connection.execute(statement.encode()).fetchone()
                except psycopg.errors.UndefinedTable:
                    continue
                if row is not None:
                    found[name] = uuid_to_ulid(row["id"]) if statements is _IDS else row["id"]
    return found


def asks(given: Mapping[str, str]) -> list[Ask]:
    """All of them, what is trivial first."""
    return [
        Ask("operation", "/health/live", "/health/live"),
        Ask("page", "/admin/login", "/admin/login"),
        *_pages(given),
        *_filtered_pages(given),
        *_operations(given),
        *_filtered_operations(given),
    ]


def _pages(given: Mapping[str, str]) -> Iterator[Ask]:
    for module, home in SITES:
        try:
            known = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            known = False
        if not known:
            continue
        own = {name: given.get(f"own_{name}", value) for name, value in given.items()}
        for page in importlib.import_module(module).PAGES:
            for path in expanded(page.pattern, own if home == "/portal" else given):
                label = f"{home}/{path}".rstrip("/")
                yield Ask("page", _shortened(label, given), label)


def expanded(pattern: str, given: Mapping[str, str]) -> list[str]:
    """The addresses that a page's pattern is: each of its choices, with samples for the rest.

    None where a name has no sample, or the pattern is of another form.
    """
    maybe = _MAYBE.fullmatch(pattern)
    if maybe is not None:
        return [*expanded(maybe[2], given), *expanded(maybe[1] + maybe[2], given)]
    groups = list(_GROUP.finditer(pattern))
    choices = [
        one[2].split("|") if _CHOICE.fullmatch(one[2]) else [f"<{one[1]}>"] for one in groups
    ]
    found = []
    for chosen in product(*choices):
        rest = iter(chosen)
        path = _GROUP.sub(lambda _: next(rest), pattern)  # noqa: B023 - used at once
        filled: list[str] = []
        for step in path.split("/"):
            name = step.strip("<>") if step.startswith("<") else ""
            if name in ("name", "of_id") or filled[-1:] == ["service-accounts"]:
                name = _NAMES.get(filled[-1] if filled else "", name)
            filled.append((quote(given[name], safe="") if name in given else "<") if name else step)
        path = "/".join(filled)
        if not re.search(r"[<(\[\\*+?]", path):
            found.append(path)
    return found


def _filtered_pages(given: Mapping[str, str]) -> Iterator[Ask]:
    for name in ("24h", "30d", "90d", "month"):
        yield from _page("", given, range=name)
        yield from _page("", given, _BERLIN, range=name)
        yield from _page("overview/keys", given, _PARTIAL, range=name)
    yield from _page("", given, _PARTIAL, range="30d", measure="tokens")
    yield from _page("overview/budgets", given, _PARTIAL)
    yield from _page("", given, **{"from": given["day"], "to": given["next_day"]})
    yield from _page(f"keys/{given['busy_key_id']}", given, range="90d")
    yield from _page(f"keys/{given['busy_key_id']}", given, _BERLIN, range="30d")
    for kind, name in (("accounts", "account_id"), ("teams", "team_id"), ("users", "user_id")):
        yield from _page(f"{kind}/{given[name]}", given, range="90d")
        yield from _page(f"{kind}/{given[name]}", given, _BERLIN, range="30d")
    for query in _key_queries(given):
        yield from _page("keys", given, _PARTIAL, **_without(query, "user_id"))
    for query in _record_queries(given):
        days = {"from": query["since"], "to": query["until"]} if "since" in query else {}
        yield from _page("requests", given, _PARTIAL, **_without(query, "since", "until"), **days)
    for query in _audit_queries(given):
        yield from _page("audit", given, _PARTIAL, **query)
    yield from _page("users", given, team_id=given["team_id"])
    yield from _page("system", given, letters=given["last_letter"])
    yield from _page("requests/export", given, status="error")


def _page(
    path: str, given: Mapping[str, str], header: tuple[str, str] | None = None, **query: str
) -> Iterator[Ask]:
    path = f"/admin/{path}".rstrip("/") + (f"?{urlencode(query)}" if query else "")
    label = _shortened(path, given) + (" in Berlin" if header is _BERLIN else "")
    kind = "fragment" if header is _PARTIAL else "page"
    yield Ask(kind, label, path, (header,) if header else ())


def _operations(given: Mapping[str, str]) -> Iterator[Ask]:
    from functions.key_admin.application import OPERATIONS

    for operation in OPERATIONS:
        if operation.method != "GET":
            continue
        path, before = [], ""
        for step in operation.path.split("/"):
            if step.startswith("{"):
                name = _NAMES.get(before, step[1:-1]) if step == "{name}" else step[1:-1]
                path.append(quote(given[name], safe="") if name in given else "<")
            else:
                path.append(step)
            before = step
        address = "/".join(path)
        if "<" not in address:
            yield Ask("operation", operation.path, address)


def _filtered_operations(given: Mapping[str, str]) -> Iterator[Ask]:
    asked: list[tuple[str, dict[str, str]]] = [
        *(("/internal/api-keys", query) for query in _key_queries(given)),
        *(("/internal/usage/records", query) for query in _record_queries(given)),
        *(("/internal/audit", query) for query in _audit_queries(given)),
        *(("/internal/usage", query) for query in _sum_queries(given)),
        *(("/internal/usage/leaderboard", query) for query in _board_queries(given)),
        *(
            ("/internal/usage/timings", _without(query, "cursor"))
            for query in _record_queries(given)
            if "error_code" not in query
        ),
        ("/internal/users", {"team_id": given["team_id"]}),
        ("/internal/dead-letters", {"cursor": given["last_letter"]}),
        ("/internal/limits", {"key_id": given["busy_key_id"]}),
        ("/internal/usage/records.csv", {"status": "error"}),
        ("/internal/usage/records.csv", {"key_id": given["busy_key_id"]}),
    ]
    for path, query in asked:
        address = f"{path}?{urlencode(query)}"
        yield Ask("operation", _shortened(address, given), address)


def _key_queries(given: Mapping[str, str]) -> list[dict[str, str]]:
    team = {"team_id": given["team_id"]}
    return [
        {"sort": "name"},
        {"sort": "oldest"},
        {"cursor": given["last_key"]},
        {"sort": "name", "cursor": given["last_name"]},
        {"search": "support"},
        {"search": given["key_name"], "sort": "name"},
        {"search": "nothing is called so"},
        {"search": given["key_prefix"]},
        {"search": given["user_id"]},
        {"status": "expired"},
        {"status": "revoked", "sort": "name"},
        {"tag": "rare"},
        {"tag": "nothing has it"},
        {"tag": "rare", "status": "revoked", "search": "x"},
        team,
        team | {"sort": "name"},
        {"user_id": given["user_id"]},
    ]


def _record_queries(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"key_id": given["busy_key_id"]},
        {"key_id": given["last_key"]},
        {"user_id": given["user_id"]},
        {"user_id": "nobody"},
        {"team_id": given["team_id"]},
        {"team_id": given["last_key"]},
        {"account_id": given["account_id"]},
        {"account_id": given["last_key"]},
        {"model": given["model"]},
        {"model": "no such model"},
        {"provider": "gemini"},
        {"provider": "nobody"},
        {"endpoint": "messages"},
        {"endpoint": "embeddings"},
        {"status": "error"},
        {"status": "interrupted"},
        {"error_code": "no such error"},
        {"status": "error", "model": "gemini-1-2026", "team_id": given["team_id"]},
        {"provider": "gemini", "endpoint": "messages"},
        {"since": given["day"], "until": given["next_day"]},
        {"cursor": given["last_record"]},
    ]


def _audit_queries(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"actor": "password:admin3"},
        {"actor": "nobody"},
        {"action": "team.update"},
        {"action": "prices.import"},
        {"subject_kind": "team"},
        {"subject_kind": "group"},
        {"subject_kind": "key", "subject_id": "subject-77"},
        {"subject_id": "nothing"},
        {"cursor": given["last_audit"]},
    ]


def _sum_queries(given: Mapping[str, str]) -> list[dict[str, str]]:
    month = {"since": given["month_ago"]}
    return [
        month | {"group_by": "day"},
        month | {"group_by": "day", "tz": "Europe/Berlin"},
        month | {"group_by": "model"},
        month | {"group_by": "model,day"},
        month | {"group_by": "team"},
        month | {"group_by": "account"},
        month | {"group_by": "provider,status"},
        month | {"group_by": "day", "key_id": given["busy_key_id"]},
        month | {"group_by": "day,model", "team_id": given["team_id"]},
        month | {"group_by": "day", "account_id": given["account_id"], "tz": "Europe/Berlin"},
        month | {"group_by": "day", "user_id": given["user_id"], "tz": "Europe/Berlin"},
        {"group_by": "month"},
        {"group_by": "month,team"},
    ]


def _board_queries(given: Mapping[str, str]) -> list[dict[str, str]]:
    month = {"since": given["month_ago"]}
    return [
        month | {"by": by, "metric": metric}
        for by, metric in (
            ("key", "cost"), ("key", "tokens"), ("user", "cost"), ("team", "requests"),
            ("model", "cost"), ("account", "cost"),
        )
    ] + [{"by": "key"}]  # fmt: skip


def _without(query: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in names}


def _shortened(text: str, given: Mapping[str, str]) -> str:
    """With names in place of samples, so that a row is called the same in the next run."""
    names = {quote(value, safe=""): name for name, value in given.items() if len(value) > 9}
    for value, name in names.items():
        text = text.replace(value, "{" + name + "}")
    return text
