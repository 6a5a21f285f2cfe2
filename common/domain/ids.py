"""ULIDs: 48 bits of milliseconds and 80 bits of entropy, as 26 Crockford characters or a UUID.

Source: https://github.com/ulid/spec. The same 128 bits are stored in Postgres as `uuid`, whose
order is the ULID's order, so that a ledger partition is a range of time. Time and entropy are
arguments; `common.identifiers` reads the clock.
"""

import functools
from datetime import datetime
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# Into Python's own digits of base 32; what no ULID has becomes what `int` refuses.
_DIGITS = bytes(
    ord("0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(byte))])
    if chr(byte) in _ALPHABET
    else ord("!")
    for byte in range(256)
)
_LENGTH = 26
_MILLISECONDS_MAX = (1 << 48) - 1
ENTROPY_BYTES = 10

# Steps of a path that clients take out before they ask: what is called so cannot be asked for.
_NO_STEPS = frozenset((".", ".."))


class InvalidId(ValueError):
    """The text is no ULID: 26 characters of Crockford base 32, the first at most 7."""


def encode_ulid(now_ms: int, entropy: bytes) -> str:
    """A ULID from milliseconds since 1970 and 10 bytes of entropy."""
    if not 0 <= now_ms <= _MILLISECONDS_MAX:
        raise InvalidId(f"time {now_ms} ms does not fit into 48 bits")
    if len(entropy) != ENTROPY_BYTES:
        raise InvalidId(f"a ULID takes {ENTROPY_BYTES} bytes of entropy, not {len(entropy)}")
    return _text((now_ms << 80) | int.from_bytes(entropy, "big"))


def is_path_step(text: str) -> bool:
    """Whether a path can name a thing of this id, percent-encoded."""
    return text not in _NO_STEPS


def first_ulid(now_ms: int) -> str:
    """The smallest ULID of a millisecond: the bound of a partition."""
    return encode_ulid(now_ms, bytes(ENTROPY_BYTES))


def first_uuid(moment: datetime) -> UUID:
    """The smallest id of a time, as the store has ids; no id is older than 1970."""
    return ulid_to_uuid(first_ulid(max(0, int(moment.timestamp() * 1000))))


def last_uuid(moment: datetime) -> UUID:
    """The largest id of a time's millisecond, as the store has ids."""
    return UUID(int=first_uuid(moment).int | (1 << 80) - 1)


def ulid_time_ms(ulid: str) -> int:
    """Milliseconds since 1970 in a ULID. Raises `InvalidId`."""
    return _number(ulid) >> 80


def ulid_to_uuid(ulid: str) -> UUID:
    """The same 128 bits as a UUID. Raises `InvalidId`."""
    return UUID(int=_number(ulid))


def ulid_to_hex(ulid: str) -> str:
    """The same 128 bits as 32 hex digits, as Postgres reads a UUID too. Raises `InvalidId`."""
    return f"{_number(ulid):032x}"


def uuid_to_ulid(uuid: UUID) -> str:
    """The same 128 bits as a ULID."""
    return _text(uuid.int)


def is_ulid(text: str) -> bool:
    """Whether the text is a ULID in its canonical (upper case) form."""
    try:
        _number(text)
    except InvalidId:
        return False
    return True


def _text(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


# A batch of records names each of its ids several times, and the same keys and accounts.
@functools.lru_cache(maxsize=2048)
def _number(ulid: str) -> int:
    if len(ulid) != _LENGTH or ulid[0] > "7":
        raise InvalidId(f"{ulid[:40]!r} is no ULID (26 characters, e.g. {_text(0)})")
    if ulid.isascii():
        try:
            return int(ulid.encode().translate(_DIGITS), 32)
        except ValueError:
            pass
    odd = next(character for character in ulid if character not in _ALPHABET)
    raise InvalidId(f"{ulid!r} is no ULID: {odd!r} is not in {_ALPHABET}")
