"""What a check found."""

from typing import Literal

import msgspec

Status = Literal["ok", "warning", "wrong"]


class Finding(msgspec.Struct, frozen=True):
    """One check: how it stands, what was seen, and what to do unless it is ok."""

    check: str
    status: Status
    detail: str
    fix: str = ""

    def fields(self) -> dict[str, str]:
        """Field -> value, to be printed."""
        return msgspec.structs.asdict(self)


def fine(check: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", detail)


def warning(check: str, detail: str, fix: str) -> Finding:
    """To be looked at; Relay works."""
    return Finding(check, "warning", detail, fix)


def wrong(check: str, detail: str, fix: str) -> Finding:
    """Relay does not work as it should, or soon will not."""
    return Finding(check, "wrong", detail, fix)


def age(seconds: float) -> str:
    """A span for people, such as `3 min`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
