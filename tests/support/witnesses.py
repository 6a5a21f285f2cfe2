"""What the traffic of a test must have come to, by witnesses that have no part in the counting.

Two know what was admitted: the provider's own list of what it was asked, and relay's log. Ledger,
sums and Redis are held against them, and against each other.
"""

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg

from common.domain.ids import uuid_to_ulid
from common.domain.periods import Calendar, span_of
from common.identifiers import now_ms
from tests.support.dev_stack import DevStack

NANO = 10**9


class Witness:
    """Made before a test's traffic; `check` says whether all of it is posted once.

    `logs` are those of relays that run beside the stack's own.
    """

    def __init__(self, stack: DevStack, logs: Iterable[Path] = ()) -> None:
        self._stack = stack
        self._logs = [stack.state / "logs" / "relay.log", *logs]
        stack.wait_until_settled()
        self._before: set[str] = set()
        self._before = self.admitted() | {ulid_of(row) for row in self.rows()}

    def asked(self) -> list[dict[str, Any]]:
        """What the provider was asked since the beginning."""
        url = self._stack.processes["echo_provider"]["url"]
        found = httpx.get(f"{url}/echo/requests", timeout=30).json()["requests"]
        return [row for row in found if row["request_id"] not in self._before]

    def admitted(self) -> set[str]:
        """Ids that were surely admitted: asked of the provider, or logged as admitted."""
        ids = {row["request_id"] for row in self.asked()}
        for log in self._logs:
            whole, _, _ = log.read_text(errors="replace").rpartition("\n")
            for line in whole.splitlines():
                if '"admitted":true' in line:
                    ids.add(json.loads(line[line.index("{") :])["request_id"])
        return ids - self._before

    def rows(self) -> list[dict[str, Any]]:
        """Rows of the ledger about requests since the beginning."""
        return [row for row in self._stack.ledger() if ulid_of(row) not in self._before]

    def check(
        self, *, nothing_died: bool = False, lost: frozenset[str] = frozenset()
    ) -> Counter[str]:
        """The promise itself; returns how often each status was posted.

        With `nothing_died` every request that the provider completed has the provider's own
        figures. `lost` are ids that may be missing.
        """
        self._stack.wait_until_settled()
        rows = self.rows()
        usage = [row for row in rows if row["kind"] == "usage"]
        ids = Counter(ulid_of(row) for row in usage)
        assert max(ids.values()) == 1
        admitted = self.admitted()
        assert admitted - set(ids) - lost == set(), "admitted and not in the ledger"
        # Admitted, then killed before the provider was asked: only the lease knew of it.
        unknown = [row for row in usage if ulid_of(row) not in admitted]
        assert {row["status"] for row in unknown} <= {"interrupted", "cancelled", "error"}
        self._check_tokens(rows, all_reported=nothing_died, lost=lost)
        self._check_sums()
        self._check_nothing_is_open()
        if not lost:
            check_money(self._stack)
        return Counter(row["status"] for row in usage)

    def _check_tokens(
        self, rows: list[dict[str, Any]], *, all_reported: bool, lost: frozenset[str]
    ) -> None:
        """Tokens as the provider counted them, where it completed and its figures reached relay."""
        sums: dict[str, Counter[str]] = {}
        for row in rows:
            sums.setdefault(ulid_of(row), Counter()).update(
                input=row["input"], output=row["output"], reported=row["usage_source"] == "reported"
            )
        compared = 0
        for asked in self.asked():
            found = sums.get(asked["request_id"])
            if found is None and asked["request_id"] in lost:
                continue
            if asked["completed"] and (found["reported"] or all_reported):
                compared += 1
                assert (found["input"], found["output"]) == (
                    asked["input_tokens"],
                    asked["output_tokens"],
                ), asked
        assert compared > 0

    def _check_sums(self) -> None:
        """Rollups and totals are the ledger's own sums, and the report tells them."""
        with psycopg.connect(self._stack.processes["postgres"]["url"]) as connection:
            sums = [
                connection.execute(statement).fetchone()
                for statement in (
                    "SELECT count(*) FILTER (WHERE kind = 'usage'), sum(cost_usd) FROM ledger",
                    "SELECT sum(requests), sum(cost_usd) FROM usage_rollups",
                    "SELECT sum(requests), sum(cost_usd) FROM usage_periods WHERE step = 'day'",
                )
            ]
            (spent,) = connection.execute(
                "SELECT settled FROM spend_totals WHERE (scope, period) = ('organisation', 'total')"
            ).fetchone()
        assert sums[0] == sums[1] == sums[2]
        assert spent == sums[0][1]
        total = self._stack.admin("/internal/usage", group_by="model")["total"]
        assert (total["requests"], Decimal(total["cost_usd"])) == sums[0]

    def _check_nothing_is_open(self) -> None:
        with self._stack.redis() as connection:
            assert connection.zcard("{relay}:leases") == 0
            assert list(connection.scan_iter("{relay}:lease:*")) == []
            assert connection.hgetall("{relay}:inflight") == {}
            for key in connection.scan_iter("{relay}:money:*"):
                assert int(connection.hget(key, "r") or 0) == 0, key


def ulid_of(row: dict[str, Any]) -> str:
    """The request that a row of the ledger is about."""
    return uuid_to_ulid(row["adjusts"] or row["id"])


def check_money(stack: DevStack) -> None:
    """No budget is overshot, and each counter is what the ledger says.

    A counter is rounded up, by less than a nano-USD a row.
    """
    rows = len(stack.ledger())
    for budget, drift in drifts_of(stack):
        assert 0 <= drift <= rows, (budget, drift)


def drifts_of(stack: DevStack) -> list[tuple[tuple[str, str], Decimal]]:
    """By how many nano-USD each hard budget's counter is above the ledger; none is overshot."""
    found = []
    with (
        stack.redis() as connection,
        psycopg.connect(stack.processes["postgres"]["url"]) as database,
    ):
        statement = "SELECT scope, period, settled FROM spend_totals"
        totals = {(scope, period): spent for scope, period, spent in database.execute(statement)}
        for scope, period, usd in _budgets(stack):
            spent = totals.get((scope, period), Decimal(0))
            assert spent <= Decimal(usd), (scope, period)
            counter = connection.hget(f"{{relay}}:money:{scope}:{period}", "s")
            found.append(((scope, period), int(counter or 0) - spent * NANO))
    return found


def _budgets(stack: DevStack) -> list[tuple[str, str, str]]:
    """All hard budgets that are set: scope, period, USD."""
    statement = """
        SELECT 'organisation', budgets FROM organisation
        UNION ALL SELECT 'team:' || id, budgets FROM teams
        UNION ALL SELECT 'user:' || id, budgets FROM users
        UNION ALL SELECT 'key:' || id, budgets FROM api_keys
    """
    with psycopg.connect(stack.processes["postgres"]["url"]) as connection:
        found = connection.execute(statement).fetchall()
    return [
        (scope, span_of(budget["period"], now_ms(), Calendar()).id, budget["usd"])
        for scope, budgets in found
        for budget in budgets
        if budget["policy"] != "soft"
    ]
