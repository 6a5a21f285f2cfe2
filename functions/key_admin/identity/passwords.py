"""The administrator's password: Argon2id (RFC 9106), made of the setting at its first use.

`cryptography` has it already, from OpenSSL; nothing is imported before somebody signs in.
"""

import asyncio
import os

from common.secrets import constant_time_equal

PHC = "$argon2id$"
# OWASP's figures for small memories (Password Storage Cheat Sheet): a pod may have 128 MiB.
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
HASH_BYTES = 32
SALT_BYTES = 16
PASSWORD_CHARACTERS_MAX = 1024

# One at a time: each takes its memory, and attempts must not push the function out of its own.
_one_at_a_time = asyncio.Semaphore(1)
# Setting -> its hash; of one process, which has one setting.
_hashes: dict[str, str] = {}


async def is_right(username: str, password: str, of: tuple[str, str]) -> bool:
    """Whether both are those of the settings; takes as long whichever is wrong."""
    expected_name, expected = of
    async with _one_at_a_time:
        right = await asyncio.to_thread(_verified, password[:PASSWORD_CHARACTERS_MAX], expected)
    return constant_time_equal(username, expected_name) and right


def _verified(password: str, expected: str) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    if expected not in _hashes:
        _hashes[expected] = expected if expected.startswith(PHC) else hashed(expected)
    try:
        Argon2id.verify_phc_encoded(_bytes(password), _hashes[expected])
    except InvalidKey:
        return False
    return True


def hashed(password: str) -> str:
    """Its hash in PHC's form."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(
        salt=os.urandom(SALT_BYTES),
        length=HASH_BYTES,
        iterations=PASSES,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    encoded: str = made.derive_phc_encoded(_bytes(password))
    return encoded


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")
