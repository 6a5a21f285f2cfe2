"""How long what is kept, read from an environment that is given."""

import msgspec

from common.variables import Environment, SettingsError, whole

# 27 years: before 2000 there is nothing to keep, and no date overflows.
DAYS_MAX = 10_000
MONTH_DAYS_MAX = 31


class Retention(msgspec.Struct, frozen=True):
    """After how many days `cleanup` deletes what; 0 keeps it for ever."""

    ledger_days: int = 0
    rollup_days: int = 0
    audit_days: int = 365
    quarantine_days: int = 90


def retention_of(environment: Environment) -> Retention:
    """As the variables say. Raises `SettingsError` when sums would end before their rows."""

    def days(name: str, default: int) -> int:
        return whole(environment, f"RELAY_{name}_RETENTION_DAYS", default, 0, DAYS_MAX)

    default = Retention()
    retention = Retention(
        ledger_days=days("LEDGER", default.ledger_days),
        rollup_days=days("ROLLUP", default.rollup_days),
        audit_days=days("AUDIT", default.audit_days),
        quarantine_days=days("QUARANTINE", default.quarantine_days),
    )
    _check_sums_outlive_rows(retention)
    return retention


def _check_sums_outlive_rows(retention: Retention) -> None:
    """The ledger goes by whole months, so its oldest row is a month older than its days say."""
    rollups, ledger = retention.rollup_days, retention.ledger_days
    least = ledger + MONTH_DAYS_MAX
    if rollups == 0 or (ledger != 0 and rollups >= least):
        return
    enough = f"at least {least}, a month more than the ledger's days" if ledger else ""
    raise SettingsError(
        f"RELAY_ROLLUP_RETENTION_DAYS={rollups} with RELAY_LEDGER_RETENTION_DAYS={ledger}"
        f"{'' if ledger else ' (for ever)'}: sums would end before the rows that they are made of; "
        f"set RELAY_ROLLUP_RETENTION_DAYS to 0 (for ever){' or ' if enough else ''}{enough}"
    )
