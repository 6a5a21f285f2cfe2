"""Providers' credentials, as they are sent: sealed at once, never shown again."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from functions.key_admin.models.addresses import BaseUrl
from functions.key_admin.models.fields import Sent


def _header_safe(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without blanks, as the provider issued it")
    return text


def _no_json(text: str) -> str:
    if text.startswith("{"):
        raise ValueError("must be the key itself; a service account's JSON is `service_account`")
    return text


Secret = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_header_safe)]


class ServiceAccountFields(BaseModel):
    """A Google service account's key file as it was downloaded; other members are ignored."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["service_account"]
    client_email: Annotated[str, Field(min_length=3, max_length=320)]
    private_key: Annotated[str, Field(min_length=1, max_length=16384)] = Field(repr=False)
    private_key_id: Annotated[str, Field(max_length=256)] = ""
    project_id: Annotated[str, Field(max_length=128)] = ""
    token_uri: BaseUrl = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


def _key_file(given: Any) -> Any:
    if isinstance(given, str):
        said = "must be the JSON of a service account's key file, as downloaded"
        raise ValueError(said)  # noqa: TRY004 - pydantic tells of no other
    return given


class Credential(Sent):
    """An official API credential, in the members that the provider issues.

    `api_key`: all but Vertex AI. Bedrock: that, or `access_key_id` and `secret_access_key`, with
    `session_token` where they are temporary. Vertex AI: `service_account`. None at all, `{}`, is
    for a compatible server with the quirk `no_auth`.
    """

    api_key: Annotated[Secret, AfterValidator(_no_json)] | None = Field(default=None, repr=False)
    access_key_id: Secret | None = Field(default=None, repr=False)
    secret_access_key: Secret | None = Field(default=None, repr=False)
    session_token: Secret | None = Field(default=None, repr=False)
    service_account: Annotated[ServiceAccountFields | None, BeforeValidator(_key_file)] = Field(
        default=None, repr=False
    )
