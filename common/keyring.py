"""Keys that seal what is kept: the first seals, all open, so that a key can be replaced.

Without a key of its own one is derived from the internal secret.
"""

import base64
from collections.abc import Sequence

from common import secrets
from common.encryption import decrypt, encrypt
from common.encryption_keys import DERIVED_ID


class Keyring:
    """Seals texts for storage. `bound_to` names what a text belongs to; elsewhere it is useless."""

    def __init__(self, keys: Sequence[tuple[str, bytes]], internal_secret: str) -> None:
        self._keys = dict(keys)
        self._keys[DERIVED_ID] = secrets.derive(internal_secret, "credentials")
        self._current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def current_id(self) -> str:
        """The key that seals."""
        return self._current

    def sealed_by_current(self, sealed: str) -> bool:
        """Whether the key that seals now sealed it."""
        return sealed.partition(":")[0] == self._current

    def seal(self, plain: str, bound_to: str) -> str:
        """`<key id>:<base64>`."""
        sealed = encrypt(self._keys[self._current], plain.encode(), bound_to)
        return f"{self._current}:{base64.b64encode(sealed).decode()}"

    def seal_bytes(self, plain: bytes, bound_to: str) -> bytes:
        """`<key id>:` and bytes, where a text is not needed."""
        sealed = encrypt(self._keys[self._current], plain, bound_to)
        return self._current.encode() + b":" + sealed

    def unseal_bytes(self, sealed: bytes, bound_to: str) -> bytes:
        """What `seal_bytes` sealed. Raises `ValueError` as `unseal` does."""
        key_id, _, rest = sealed.partition(b":")
        return decrypt(self._key(key_id.decode("utf-8", "replace"), bound_to), rest, bound_to)

    def unseal(self, sealed: str, bound_to: str) -> str:
        """The plain text. Raises `ValueError` naming the key that is missing or does not fit."""
        key_id, _, text = sealed.partition(":")
        key = self._key(key_id, bound_to)
        return decrypt(key, base64.b64decode(text), bound_to).decode()

    def _key(self, key_id: str, bound_to: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise ValueError(f"{bound_to} is sealed by the key {key_id!r}, which is not there")
        return key
