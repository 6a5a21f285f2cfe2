"""ULIDs made now: the only reader of clock and random for ids."""

import os
import time

from common.domain.ids import ENTROPY_BYTES, encode_ulid


def new_ulid(at_ms: int | None = None) -> str:
    """A fresh ULID of the current millisecond, or of another one."""
    return encode_ulid(now_ms() if at_ms is None else at_ms, os.urandom(ENTROPY_BYTES))


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000
