"""Which fields of a form are never shown again."""

import pytest

from common.domain.notification_channels import MEMBERS
from functions.key_admin.console.again import is_secret
from functions.key_admin.console.pages.account_form import CREDENTIAL, KIND
from functions.key_admin.console.pages.key_form import KIND as KEY


@pytest.mark.parametrize(
    "name",
    [
        *(f"credential.{name}" for name in CREDENTIAL),
        *(f"settings.{name}" for one in MEMBERS.values() for name in one.secret),
    ],
)
def test_secrets_are_known_by_their_fields(name):
    assert is_secret(name)


@pytest.mark.parametrize("kind", [KIND, KEY])
def test_nothing_else_is_taken_for_one(kind):
    assert [path for path in kind.paths if is_secret(path)] == []
