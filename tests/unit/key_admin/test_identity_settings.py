"""How people sign in, out of the environment."""

import json
from types import SimpleNamespace

import pytest

from common.domain.claims import Grant
from common.domain.roles import Role
from common.identity_settings import identity_settings
from common.variables import SettingsError
from functions.key_admin.identity.sessions import provider_mark

OIDC = {
    "RELAY_PUBLIC_URL": "https://relay.example/",
    "RELAY_OIDC_ISSUER": "https://idp.example",
    "RELAY_OIDC_CLIENT_ID": "relay",
}
LISTED = {"id": "okta", "issuer": "https://okta.example", "client_id": "r", "client_secret": "hush"}


def listed(**members):
    given = {**LISTED, **members}
    return {**OIDC, "RELAY_OIDC_PROVIDERS": json.dumps([given])}


def test_without_anything_there_is_the_master_key():
    found = identity_settings({})
    assert (found.admin_password, found.providers, found.master_key_sign_in) == ("", (), True)
    assert (found.session_s, found.jwt_secrets) == (86_400, ())


def test_variables_make_one_provider_and_a_list_more():
    environment = listed(
        roles={"a=b": "admin", "blue": "team_admin:Blue"},
        default_role="portal",
        allowed_domains=["Example.COM"],
    )
    environment |= {"RELAY_OIDC_ROLES": "ops=operator", "RELAY_OIDC_ALLOWED_DOMAINS": "A.b, c"}
    one, other = identity_settings(environment).providers
    assert (one.id, one.roles, one.allowed_domains) == (
        "oidc", (("ops", Grant(Role.OPERATOR)),), ("a.b", "c"),
    )  # fmt: skip
    assert one.shown_name == "idp.example"
    assert other.roles == (("a=b", Grant(Role.ADMIN)), ("blue", Grant(Role.TEAM_ADMIN, "Blue")))
    assert (other.default_role, other.allowed_domains) == (Grant(Role.PORTAL), ("example.com",))
    assert identity_settings(environment).public_url == "https://relay.example"


def test_secrets_may_have_blanks_between_them():
    found = identity_settings({"RELAY_JWT_SECRET": "new, old\n"})
    assert found.jwt_secrets == ("new", "old")


@pytest.mark.parametrize(
    "changed",
    [
        {"roles": {"ada": "viewer"}},
        {"default_role": None},
        {"allowed_domains": ["example.org"]},
        {"client_id": "other"},
    ],
)
def test_whom_a_provider_let_in_is_out_once_the_settings_say_otherwise(changed):
    before = {"roles": {"ada": "admin"}, "default_role": "portal"}
    kept, same, now = (
        provider_mark(services(listed(**members)), "okta")
        for members in (before, before | {"client_secret": "another"}, before | changed)
    )
    assert kept == same
    assert kept != now


def services(environment):
    settings = SimpleNamespace(identity=identity_settings(environment))
    return SimpleNamespace(settings=settings, credentials_key=b"k" * 32)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RELAY_ADMIN_PASSWORD": "seven77"}, "RELAY_ADMIN_PASSWORD is too short"),
        ({"RELAY_ADMIN_SESSION_TIMEOUT_MS": "1"}, "RELAY_ADMIN_SESSION_TIMEOUT_MS"),
        ({"RELAY_PUBLIC_URL": "https://relay.example/relay"}, "RELAY_PUBLIC_URL"),
        ({**OIDC, "RELAY_PUBLIC_URL": ""}, "RELAY_PUBLIC_URL is not set"),
        ({**OIDC, "RELAY_OIDC_CLIENT_ID": ""}, "RELAY_OIDC_CLIENT_ID is not set"),
        ({**OIDC, "RELAY_OIDC_ISSUER": "http://idp.example"}, "must be an https address"),
        ({**OIDC, "RELAY_OIDC_SCOPES": "email"}, "lack `openid`"),
        ({**OIDC, "RELAY_OIDC_ROLES": "ops=root"}, "RELAY_OIDC_ROLES"),
        ({**OIDC, "RELAY_OIDC_PROVIDERS": "{"}, "RELAY_OIDC_PROVIDERS"),
        ({**OIDC, "RELAY_OIDC_PROVIDERS": "[1]"}, "RELAY_OIDC_PROVIDERS"),
        (listed(id="oidc"), "each `id` is its own"),
        (listed(id="a/b"), "letters, digits"),
        (listed(colour="red"), "colour"),
        (listed(roles={"a": "root"}), "RELAY_OIDC_PROVIDERS"),
        (listed(roles=["a"]), "RELAY_OIDC_PROVIDERS"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_repeated(environment, said):
    with pytest.raises(SettingsError) as refused:
        identity_settings(environment)
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)
    assert "seven77" not in str(refused.value)
