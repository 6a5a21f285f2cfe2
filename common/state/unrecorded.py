"""Requests that are admitted and not in the ledger yet: open, or settled and in the outbox."""

from typing import Any

import msgspec

from common.domain.ids import ulid_time_ms
from common.state.commands import RedisCommands
from common.state.outbox import Outbox

# Of an outbox that nobody drains only this much is looked through, from the request's moment on.
SEARCHED_MAX = 500


class _Owned(msgspec.Struct):
    id: str
    key_id: str


_decoder = msgspec.json.Decoder(_Owned)


async def key_of_unrecorded(commands: RedisCommands, prefix: str, request_id: str) -> str | None:
    """The id of the key whose request (a ULID) it is; None when it is neither open nor waiting.

    Raises `RedisUnavailable`.
    """
    outbox = Outbox(commands, prefix)
    draft = await commands.call("HGET", f"{prefix}:lease:{request_id}", "draft")
    if (owned := _read(draft)) is not None:
        return owned.key_id
    # It is settled after it came; its place in the outbox is remembered for a minute.
    settled = await commands.call("GET", f"{prefix}:settled:{request_id}")
    after = _before(settled.decode()) if settled else f"{ulid_time_ms(request_id)}-0"
    for entry in await outbox.read(SEARCHED_MAX, after):
        owned = _read(entry.record)
        if owned is not None and owned.id == request_id:
            return owned.key_id
    return None


def _before(outbox_id: str) -> str:
    """The place just before an entry's."""
    moment, _, number = outbox_id.partition("-")
    return f"{moment}-{int(number) - 1}" if int(number) else f"{int(moment) - 1}-{2**64 - 1}"


def _read(record: Any) -> _Owned | None:
    if not record:
        return None
    try:
        return _decoder.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # whoever drains the outbox puts it into quarantine
