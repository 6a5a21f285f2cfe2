"""Clocks: ids, leases and limits take the time of whichever machine they are made on."""

from collections.abc import Mapping

from cli.doctor.finding import Finding, fine, warning, wrong

# Leases last 30 s and are renewed every 10: this much is an annoyance, that much breaks them.
SKEW_MS_WARNED = 1_000
SKEW_MS_MAX = 5_000


def judge_clocks(ahead_ms: Mapping[str, float]) -> Finding:
    """How far apart the clocks are; `ahead_ms` by store, compared with this machine's."""
    clocks = {"this machine": 0.0, **ahead_ms}
    skew_ms = max(clocks.values()) - min(clocks.values())
    detail = ", ".join(f"{name} {_signed(ms)}" for name, ms in ahead_ms.items())
    detail = f"{detail} against this machine"
    if skew_ms < SKEW_MS_WARNED:
        return fine("clocks", detail)
    verdict = wrong if skew_ms >= SKEW_MS_MAX else warning
    return verdict(
        "clocks", detail, "synchronise the clocks of the nodes (chrony or systemd-timesyncd)"
    )


def _signed(milliseconds: float) -> str:
    if abs(milliseconds) >= SKEW_MS_WARNED:
        return f"{milliseconds / 1000:+.1f} s"
    return f"{milliseconds:+.0f} ms"
