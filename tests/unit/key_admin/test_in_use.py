"""Who hinders a deletion is named, and how many more there are."""

from common.store.directory import Member
from functions.key_admin.in_use import named

ADA = Member("user", "ada", "Ada Lovelace")
KEY = Member("key", "01ARYZ6S41TSV4RRFFQ69G5FAW", "ci")


def test_users_are_named_by_id_and_keys_by_both():
    assert named([ADA, KEY], 2) == "user 'ada', key 'ci' (01ARYZ6S41TSV4RRFFQ69G5FAW)"


def test_how_many_more_there_are_is_said():
    assert named([ADA], 12) == "user 'ada' and 11 more"
