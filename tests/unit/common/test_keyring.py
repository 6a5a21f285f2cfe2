"""The keyring: the first key seals, all open, and only what belongs to where it stands."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.encryption import encrypt
from common.keyring import DERIVED_ID, Keyring
from common.secrets import derive

SECRET = "an internal secret of 32 characters"
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLAIN, PLACE = "sk-a-credential", "account:1"


@given(st.text(), st.text())
def test_what_was_sealed_opens_in_its_place(plain, place):
    keyring = Keyring([("new", NEW)], SECRET)
    assert keyring.unseal(keyring.seal(plain, place), place) == plain


def test_the_first_key_seals_and_its_id_stands_before():
    sealed = Keyring([("new", NEW), ("old", OLD)], SECRET).seal(PLAIN, PLACE)
    key_id, _, text = sealed.partition(":")
    assert key_id == "new"
    assert PLAIN.encode() not in base64.b64decode(text, validate=True)
    assert Keyring([("new", NEW)], "another secret").unseal(sealed, PLACE) == PLAIN
    with pytest.raises(ValueError, match="does not open"):
        Keyring([("new", OLD)], SECRET).unseal(sealed, PLACE)


def test_the_same_text_is_never_sealed_the_same():
    keyring = Keyring([], SECRET)
    assert len({keyring.seal(PLAIN, PLACE) for _ in range(100)}) == 100


def test_a_key_is_replaced_without_losing_what_it_sealed():
    before = Keyring([("old", OLD)], SECRET).seal(PLAIN, PLACE)
    both = Keyring([("new", NEW), ("old", OLD)], SECRET)
    assert both.unseal(before, PLACE) == PLAIN
    after = both.seal(PLAIN, PLACE)
    only_new = Keyring([("new", NEW)], SECRET)
    assert only_new.unseal(after, PLACE) == PLAIN
    with pytest.raises(ValueError, match=r"account:1 is sealed by the key 'old'.*not there"):
        only_new.unseal(before, PLACE)


def test_without_a_key_the_internal_secret_seals_and_opens_for_ever():
    sealed = Keyring([], SECRET).seal(PLAIN, PLACE)
    assert sealed.startswith(f"{DERIVED_ID}:")
    assert Keyring([("new", NEW)], SECRET).unseal(sealed, PLACE) == PLAIN
    with pytest.raises(ValueError, match="does not open"):
        Keyring([], SECRET + "x").unseal(sealed, PLACE)


def test_the_derived_key_is_for_this_purpose_only():
    text = base64.b64encode(encrypt(derive(SECRET, "credentials"), b"x", PLACE)).decode()
    assert Keyring([], SECRET).unseal(f"{DERIVED_ID}:{text}", PLACE) == "x"
    other = base64.b64encode(encrypt(derive(SECRET, "usage-events"), b"x", PLACE)).decode()
    with pytest.raises(ValueError, match="does not open"):
        Keyring([], SECRET).unseal(f"{DERIVED_ID}:{other}", PLACE)


def test_elsewhere_it_does_not_open():
    keyring = Keyring([("new", NEW)], SECRET)
    with pytest.raises(ValueError, match="account:2"):
        keyring.unseal(keyring.seal(PLAIN, PLACE), "account:2")


@pytest.mark.parametrize("position", [0, 11, 12, -1])
def test_a_changed_byte_does_not_open(position):
    keyring = Keyring([("new", NEW)], SECRET)
    raw = bytearray(base64.b64decode(keyring.seal(PLAIN, PLACE).partition(":")[2]))
    raw[position] ^= 1
    with pytest.raises(ValueError, match="does not open"):
        keyring.unseal(f"new:{base64.b64encode(raw).decode()}", PLACE)


@pytest.mark.parametrize("sealed", ["", "new", "new:", "new:AAAA", "new:x", "new:\u00fc", ":AAAA"])
def test_what_was_never_sealed_is_an_error_that_says_so(sealed):
    with pytest.raises(ValueError, match=r"."):
        Keyring([("new", NEW)], SECRET).unseal(sealed, PLACE)


def test_it_shows_its_keys_names_only():
    shown = repr(Keyring([("new", NEW), ("old", OLD)], SECRET))
    assert shown == f"Keyring(new, old, {DERIVED_ID})"


@given(st.binary(), st.text())
def test_bytes_are_sealed_as_texts_are(plain, place):
    old, both = Keyring([("old", OLD)], SECRET), Keyring([("new", NEW), ("old", OLD)], SECRET)
    sealed = old.seal_bytes(plain, place)
    assert sealed.startswith(b"old:")
    assert both.unseal_bytes(sealed, place) == plain
    with pytest.raises(ValueError, match="does not open"):
        both.unseal_bytes(sealed, place + "?")
    with pytest.raises(ValueError, match="which is not there"):
        Keyring([], SECRET).unseal_bytes(sealed, place)
