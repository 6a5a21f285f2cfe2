"""Encryption at rest: opens with its key in its place, and nowhere else."""

import pytest

from common.encryption import NONCE_BYTES, decrypt, encrypt

KEY = bytes(range(32))
TAG_BYTES = 16


@pytest.mark.parametrize("plain", [b"", b"x", b'{"key":"cr_secret"}', bytes(256) * 1000])
def test_what_was_sealed_opens(plain):
    sealed = encrypt(KEY, plain, "place")
    assert decrypt(KEY, sealed, "place") == plain
    assert len(sealed) == NONCE_BYTES + len(plain) + TAG_BYTES


def test_the_same_text_is_never_sealed_the_same():
    sealed = {encrypt(KEY, b"text", "place") for _ in range(100)}
    assert len({one[:NONCE_BYTES] for one in sealed}) == 100
    assert len({one[NONCE_BYTES:] for one in sealed}) == 100
    assert not any(b"text" in one for one in sealed)


def test_a_text_sealed_by_another_implementation_opens():
    # Test case 15 of McGrew and Viega, The Galois/Counter Mode of Operation, appendix B.
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
    )
    sealed = bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
        "b094dac5d93471bdec1a502270e3cc6c"
    )
    assert decrypt(key, nonce + sealed, "") == plain


@pytest.mark.parametrize(
    ("key", "bound_to"),
    [(KEY, "elsewhere"), (KEY, ""), (bytes(32), "place"), (KEY[:31] + b"\0", "place")],
)
def test_elsewhere_or_with_another_key_it_does_not_open(key, bound_to):
    with pytest.raises(ValueError, match="does not open with this key") as refused:
        decrypt(key, encrypt(KEY, b"secret", "place"), bound_to)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("place", [0, NONCE_BYTES, -1])
def test_one_changed_bit_is_noticed(place):
    sealed = bytearray(encrypt(KEY, b"secret", "place"))
    sealed[place] ^= 1
    with pytest.raises(ValueError, match="does not open"):
        decrypt(KEY, bytes(sealed), "place")


@pytest.mark.parametrize("length", [0, 5, NONCE_BYTES, NONCE_BYTES + TAG_BYTES - 1])
def test_what_is_cut_off_does_not_open(length):
    with pytest.raises(ValueError, match=r"does not open|[Nn]once"):
        decrypt(KEY, encrypt(KEY, b"secret", "place")[:length], "place")


def test_a_key_of_a_wrong_length_is_refused():
    with pytest.raises(ValueError, match="key"):
        encrypt(b"short", b"text", "place")
