"""Sealing by a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals."""

import base64
import hashlib
import os
from typing import Any

from common.encryption import decrypt, encrypt

SALT_BYTES = 16
# 32 MiB and a tenth of a second; what a file asks for is bounded, since it is somebody's.
N, N_MAX, R, P = 2**15, 2**17, 8, 1
CHARACTERS_MIN = 12


class WrongPassphrase(ValueError):
    """The passphrase is another, or what was sealed, or what it is bound to, was changed."""


def seal(passphrase: str, plain: bytes, bound_to: str) -> dict[str, Any]:
    """The members of a sealed object: how the key was made, and the sealed text in base64."""
    salt = os.urandom(SALT_BYTES)
    sealed = encrypt(_key(passphrase, salt, N), plain, bound_to)
    return {"kdf": "scrypt", "n": N, "r": R, "p": P, "salt": _text(salt), "sealed": _text(sealed)}


def unseal(passphrase: str, given: dict[str, Any], bound_to: str) -> bytes:
    """The plain text. Raises `WrongPassphrase`, and `ValueError` for what is no sealed object."""
    parameters = (given.get("kdf"), given.get("r"), given.get("p"))
    n = given.get("n")
    if parameters != ("scrypt", R, P) or not isinstance(n, int) or not 2 <= n <= N_MAX:
        raise ValueError(f"must be sealed by scrypt with n of at most {N_MAX}, r {R} and p {P}")
    try:
        salt, sealed = (base64.b64decode(given[name], validate=True) for name in ("salt", "sealed"))
        key = _key(passphrase, salt, n)
    except (KeyError, TypeError, ValueError):
        raise ValueError("salt and sealed must be base64, and n a power of two") from None
    try:
        return decrypt(key, sealed, bound_to)
    except ValueError:
        raise WrongPassphrase("it does not open with this passphrase, or was changed") from None


def _key(passphrase: str, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=n, r=R, p=P, dklen=32, maxmem=256 * n * R
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
