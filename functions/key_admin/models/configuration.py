"""A configuration on its way to another installation, as sent and as answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from common.passphrase import CHARACTERS_MIN
from functions.key_admin.models.fields import Sent, Time

Passphrase = Annotated[
    str,
    Field(
        min_length=CHARACTERS_MIN,
        max_length=1024,
        repr=False,
        description="opens the credentials in the export, and nothing else does",
    ),
]


class ExportAsked(Sent):
    """What the secrets are sealed with."""

    passphrase: Passphrase


class Sealed(Sent):
    """Credentials of accounts and channels: AES-256-GCM by a key of the passphrase."""

    kdf: Literal["scrypt"]
    n: int
    r: int
    p: int
    salt: str
    sealed: str


class Export(Sent):
    """A configuration: rows by table. Keys by the SHA-256 of their secrets, never the secrets."""

    format: Literal["relay-configuration-1"]
    schema_: str = Field(alias="schema", description="the newest migration")
    exported_at: Time
    organisation: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]
    secrets: Sealed


class ImportAsked(Sent):
    """An export, the passphrase it was sealed with, and whether only to look."""

    passphrase: Passphrase
    dry_run: bool = False
    configuration: Export


class Imported(BaseModel):
    """How many rows of a table were written, and how many were there already."""

    table: str
    written: int
    there: int


class ImportAnswer(BaseModel):
    """What was done, or would be."""

    dry_run: bool
    organisation: Literal["written", "kept"] = Field(
        description="kept: this installation's organisation has limits or rules of its own"
    )
    tables: list[Imported]
