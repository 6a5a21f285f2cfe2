"""The fields of forms: of what limits a level and what it may use. Pure."""

from typing import Any, get_args

from common.domain.access import ALL_DIALECTS, ALL_SCOPES
from common.domain.periods import WEEKDAYS, Period
from common.domain.policies import BudgetPolicy
from functions.key_admin.console.forms import Input

# One of each period and a soft one beside it; not all of them are shown before they are needed.
BUDGET_ROWS = 2 * len(get_args(Period))
BUDGET_ROWS_SHOWN = 4
COUNTS = (
    *("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day"),
    "concurrency",
)
LIMITS = (
    *(Input(f"limits.{name}", "integer") for name in COUNTS),
    *(Input(f"limits.window.{name}", "integer") for name in ("minutes", "requests", "tokens")),
    Input("limits.window.usd", "decimal"),
    Input("limits.queue.max_waiting", "integer"),
    Input("limits.queue.timeout_ms", "integer"),
    *(
        Input(f"budgets[{row}].{name}", "decimal" if name == "usd" else "text")
        for row in range(BUDGET_ROWS)
        for name in ("period", "usd", "policy")
    ),
    Input("calendar.timezone"),
    Input("calendar.week_starts_on"),
    Input("calendar.day_starts_at", "integer"),
)
ACCESS = (
    Input("access.dialects", "choices"),
    Input("access.clients", "lines"),
    Input("access.addresses", "lines"),
)
TENANT_ACCESS = (
    *ACCESS,
    Input("access.models.allow", "lines"),
    Input("access.models.deny", "lines"),
    Input("access.scopes", "choices"),
)
# What the templates of these fields need.
CHOICES: dict[str, Any] = {
    "scopes_known": ALL_SCOPES,
    "dialects": ALL_DIALECTS,
    "periods": get_args(Period),
    "policies": get_args(BudgetPolicy),
    "weekdays": WEEKDAYS,
    "counts": COUNTS,
    "budget_rows": BUDGET_ROWS,
    "budget_rows_shown": BUDGET_ROWS_SHOWN,
}
