"""The signature of a usage record in an event: HMAC-SHA256 over canonical JSON.

The broker and whoever can reach it are not trusted to make usage records. Canonical means members
sorted, no white space, so that a broker or an older receiver that re-encodes the JSON or
does not know a newer member changes nothing. The record carries only strings, integers,
booleans and null, for which this form is unambiguous (compare RFC 8785).
"""

import hmac
from typing import Any

import msgspec

from common.domain.usage import UsageRecord

_canonical = msgspec.json.Encoder(order="sorted")
SIGNATURE_MEMBER = "sig"


def sign(record_object: dict[str, Any], key: bytes) -> str:
    """Hex signature over the object (with its `outbox_id`, without `sig`)."""
    unsigned = record_object
    if SIGNATURE_MEMBER in record_object:
        unsigned = record_object.copy()
        del unsigned[SIGNATURE_MEMBER]
    return hmac.digest(key, _canonical.encode(unsigned), "sha256").hex()


def signed(record: UsageRecord, outbox_id: str, key: bytes) -> bytes:
    """The record as an event carries it, JSON with its `outbox_id` and `sig`: encoded once."""
    made = msgspec.structs.asdict(record)
    made["outbox_id"] = outbox_id
    unsigned = _canonical.encode(made)
    signature = hmac.digest(key, unsigned, "sha256").hex().encode()
    return b'%b,"%b":"%b"}' % (unsigned[:-1], SIGNATURE_MEMBER.encode(), signature)


def verify(record_object: dict[str, Any], key: bytes) -> bool:
    """Whether `sig` is right. Constant time; a missing or misshapen signature is wrong."""
    given = record_object.get(SIGNATURE_MEMBER)
    if not isinstance(given, str):
        return False
    return hmac.compare_digest(given.encode(), sign(record_object, key).encode())
