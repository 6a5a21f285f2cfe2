"""Accounts of the environment, by the variables of the providers' SDKs."""

import json

import pytest

from common.domain.accounts import Options
from common.domain.credentials import Credential
from common.environment_accounts import accounts_of
from common.variables import SettingsError

KEY_FILE = {"client_email": "a@b", "private_key": "planted", "project_id": "p1"}


def made(environment):
    (account,) = accounts_of(environment)
    return account


def test_an_empty_environment_has_none():
    assert accounts_of({}) == ()


def test_azure_has_an_endpoint_and_maybe_a_version():
    environment = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://r.azure/"}
    account = made(environment)
    assert (account.base_url, account.options) == ("https://r.azure", Options())
    assert made(environment | {"OPENAI_API_VERSION": "2024-10-21"}).options == Options("2024-10-21")


def test_of_gemini_s_two_variables_google_s_counts():
    environment = {"GEMINI_API_KEY": "one"}
    assert made(environment).credential == Credential(api_key="one")
    assert made(environment | {"GOOGLE_API_KEY": "two"}).credential == Credential(api_key="two")


def test_bedrock_is_signed_for_in_its_region():
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    account = made(environment | {"AWS_SESSION_TOKEN": "t"})
    assert account.region == "eu-west-1"
    assert account.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert account.credential == Credential(
        access_key_id="AKIA", secret_access_key="s", session_token="t"
    )
    bearer = made(environment | {"AWS_BEARER_TOKEN_BEDROCK": "ABSK"})
    assert bearer.credential == Credential(api_key="ABSK")


@pytest.mark.parametrize("missing", ["AWS_SECRET_ACCESS_KEY", "AWS_REGION"])
def test_an_access_key_that_is_not_for_bedrock_makes_no_account(missing):
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    assert accounts_of(environment | {missing: ""}) == ()


def test_vertex_has_its_key_file_s_project_and_no_region_is_global():
    account = made({"GOOGLE_APPLICATION_CREDENTIALS_JSON": json.dumps(KEY_FILE)})
    assert account.region == "global"
    assert account.base_url == "https://aiplatform.googleapis.com"
    assert account.credential.service_account.project_id == "p1"
    assert "planted" not in repr(account) + repr(account.credential.service_account)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AZURE_OPENAI_API_KEY": "planted"}, "AZURE_OPENAI_ENDPOINT"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "planted"}, "AWS_REGION"),
        ({"GOOGLE_APPLICATION_CREDENTIALS_JSON": "planted"}, "must be a service account's key"),
        (
            {"GOOGLE_APPLICATION_CREDENTIALS_JSON": json.dumps(KEY_FILE | {"project_id": ""})},
            "GOOGLE_CLOUD_PROJECT",
        ),
        ({"GEMINI_API_KEY": "planted", "GOOGLE_GEMINI_BASE_URL": "x"}, "GOOGLE_GEMINI_BASE_URL"),
    ],
)
def test_what_is_missing_is_named_and_no_secret_is(environment, named):
    with pytest.raises(SettingsError) as caught:
        accounts_of(environment)
    assert named in str(caught.value)
    assert "planted" not in str(caught.value)
