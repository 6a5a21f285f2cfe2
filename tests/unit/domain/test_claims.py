"""What claims come to: roles, teams, addresses."""

import pytest

from common.domain.claims import (
    ClaimsRefused,
    Grant,
    Granted,
    checked_email,
    granted,
    parse_grant,
    parse_grants,
    values_at,
)
from common.domain.roles import Role

GRANTS = parse_grants(
    "admins=admin, ops=operator,blue=team_admin:Blue,red=team_admin:Red,all=portal"
)


@pytest.mark.parametrize(
    ("values", "default", "expected"),
    [
        (["admins", "all"], None, Granted(Role.ADMIN)),
        (["ops", "blue"], None, Granted(Role.OPERATOR)),
        (["red", "all", "blue"], None, Granted(Role.TEAM_ADMIN, ("Blue", "Red"))),
        (["all"], Grant(Role.VIEWER), Granted(Role.PORTAL)),
        (["else"], Grant(Role.VIEWER), Granted(Role.VIEWER)),
        (["else"], None, None),
        ([], None, None),
    ],
)
def test_the_strongest_role_counts(values, default, expected):
    assert granted(values, GRANTS, default) == expected


@pytest.mark.parametrize(
    "text", ["root", "team_admin", "team_admin:", "admin:Blue", "", "viewer operator"]
)
def test_a_grant_that_is_none(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_grant(text)


@pytest.mark.parametrize("text", ["admin", "=admin", "a=b=c"])
def test_grants_that_are_none(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_grants(text)


def test_a_value_may_have_an_equals_sign():
    assert parse_grants("CN=Relay Admins=admin") == (("CN=Relay Admins", Grant(Role.ADMIN)),)


def test_where_values_stand():
    claims = {
        "roles": ["a", 1, "b"],
        "group": "one of them",
        "realm_access": {"roles": ["c"]},
        "https://example.com/roles": ["d"],
        "number": 3,
    }
    assert values_at(claims, "roles") == ("a", "b")
    assert values_at(claims, "group") == ("one of them",)
    assert values_at(claims, "realm_access.roles") == ("c",)
    assert values_at(claims, "https://example.com/roles") == ("d",)
    for nowhere in ("number", "realm_access", "roles.a", "group.a", "none", ""):
        assert values_at(claims, nowhere) == ()


def test_the_address():
    assert checked_email({"email": " Alice@Example.COM "}, ["example.com"]) == "alice@example.com"
    assert checked_email({"email": "a@b", "email_verified": True}, []) == "a@b"
    assert checked_email({}, []) == ""


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email": "a@example.com", "email_verified": False}, "email_unverified"),
        ({"email": "a@example.com", "email_verified": "false"}, "email_unverified"),
        ({"email": "a@example.com.evil"}, "domain_not_allowed"),
        ({"email": "a@sub.example.com"}, "domain_not_allowed"),
        ({"email": "a@evil@example.org"}, "domain_not_allowed"),
        ({"email": "example.com@"}, "domain_not_allowed"),
        ({}, "domain_not_allowed"),
    ],
)
def test_an_address_that_may_not_come_in(claims, code):
    with pytest.raises(ClaimsRefused) as refused:
        checked_email(claims, ["example.com"])
    assert refused.value.code == code
