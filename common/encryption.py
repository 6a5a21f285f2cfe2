"""Encryption at rest: AES-256-GCM (NIST SP 800-38D), a fresh nonce a message."""

import os

NONCE_BYTES = 12


def encrypt(key: bytes, plain: bytes, bound_to: str) -> bytes:
    """Nonce and ciphertext. `bound_to` names what it belongs to; elsewhere it does not open."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def decrypt(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    """The plain text. Raises `ValueError` when key, text or `bound_to` is another."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except InvalidTag:
        raise ValueError(f"what was kept for {bound_to} does not open with this key") from None
