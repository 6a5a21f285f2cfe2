"""When a message that did not arrive is tried again, and when it is given up. Pure."""

# After so many attempts in vain, until the next. `cleanup` looks every ten minutes, so the first
# is the next look; the last is after a day and a half.
_PAUSES_MS = tuple(minutes * 60_000 for minutes in (5, 10, 30, 60, 180, 360, 720, 720))
ATTEMPTS_MAX = len(_PAUSES_MS) + 1


def next_attempt_ms(attempts: int, now_ms: int) -> int | None:
    """When to try again (ms since 1970) after `attempts` in vain; None: no more."""
    if attempts >= ATTEMPTS_MAX:
        return None
    return now_ms + _PAUSES_MS[attempts - 1]
