"""Placeholders: the same for the same value and tenant, of one form, never two values' one."""

import re

import pytest

from common.redaction.placeholders import Placeholders

KEY = b"k" * 32


def test_the_same_value_has_one_placeholder_in_every_request_of_a_tenant():
    first, second = Placeholders(KEY, "team-1"), Placeholders(KEY, "team-1")
    placeholder = first.of("EMAIL_ADDRESS", "a@example.com")
    assert placeholder == first.of("EMAIL_ADDRESS", "a@example.com")
    assert placeholder == second.of("EMAIL_ADDRESS", "a@example.com")
    assert first.values == {placeholder: "a@example.com"}
    assert re.fullmatch(r"EMAIL_ADDRESS_[0-9A-HJKMNP-TV-Z]{8}", placeholder)


def test_tenant_key_entity_and_value_each_change_it():
    codes = {
        Placeholders(key, tenant).of(entity, value).rpartition("_")[2]
        for key in (KEY, b"l" * 32)
        for tenant in ("a", "ab")
        for entity in ("PERSON", "BPERSON")
        for value in ("x", "y")
    }
    assert len(codes) == 16


def test_what_stands_in_the_request_is_not_used_again():
    usual = Placeholders(KEY, "t").of("PERSON", "Ann")
    placeholders = Placeholders(KEY, "t")
    placeholders.avoid(f"see {usual}, please".encode())
    other = placeholders.of("PERSON", "Ann")
    assert other != usual
    assert other.startswith(usual)
    assert usual not in placeholders.values


def test_of_two_values_with_one_code_the_second_is_longer(monkeypatch):
    monkeypatch.setattr(Placeholders, "_code", lambda self, entity, value: "A" * 40 + value * 8)
    placeholders = Placeholders(KEY, "t")
    made = {placeholders.of("PERSON", value) for value in ("B", "C", "D")}
    assert made == {"PERSON_" + "A" * 8, "PERSON_" + "A" * 9, "PERSON_" + "A" * 10}
    assert sorted(placeholders.values.values()) == ["B", "C", "D"]


def test_it_does_not_show_values():
    placeholders = Placeholders(KEY, "t")
    placeholders.of("PERSON", "Ann Secret")
    assert "Ann" not in repr(placeholders)
    with pytest.raises(ValueError, match="16 bytes"):
        Placeholders(b"short", "t")
