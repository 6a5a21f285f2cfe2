"""The keyring as text: RELAY_ENCRYPTION_KEYS."""

import base64

DERIVED_ID = "internal"
KEY_BYTES = 32


def parse_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """`id:base64 of 32 bytes`, several separated by commas, the current one first.

    Raises `ValueError`, which says what a keyring is and repeats nothing of the text.
    """
    keys: dict[str, bytes] = {}
    for entry in filter(None, text.split(",")):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id or len(key) != KEY_BYTES or key_id in {*keys, DERIVED_ID}:
            raise ValueError(
                "a list of `id:base64 of 32 bytes` with different ids (not `internal`), the "
                'current one first, e.g. 2026-11:"$(openssl rand -base64 32)"'
            ) from None
        keys[key_id] = key
    return tuple(keys.items())
