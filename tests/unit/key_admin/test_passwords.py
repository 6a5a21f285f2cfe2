"""The administrator's password, as a word or as its hash."""

import pytest

from functions.key_admin.identity import passwords


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """The same function at a hundredth of its cost."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 32)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.mark.parametrize("as_hash", [False, True])
async def test_name_and_password_both_count(as_hash):
    setting = passwords.hashed("pässword") if as_hash else "pässword"
    expected = ("root", setting)
    assert await passwords.is_right("root", "pässword", expected)
    for wrong in (("root", "password"), ("admin", "pässword"), ("root", ""), ("root", setting)):
        if wrong != ("root", "pässword"):
            assert not await passwords.is_right(*wrong, expected)


def test_a_hash_is_argon2id_with_a_salt_of_its_own():
    one, other = passwords.hashed("a"), passwords.hashed("a")
    assert one.startswith("$argon2id$v=19$m=32,t=1,p=1$")
    assert one != other


async def test_another_setting_takes_effect():
    assert await passwords.is_right("root", "first password", ("root", "first password"))
    assert not await passwords.is_right("root", "first password", ("root", "second password"))
