"""What only some providers' accounts have, and what routing knows them by."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from common.domain.accounts import Quirk
from functions.key_admin.models import patterns
from functions.key_admin.models.fields import Name, Sent

# What says who asks, where, and how long the body is, is Relay's; and a credential is sealed.
HEADERS_DENIED = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"),
        *("x-goog-api-key", "host", "content-length", "content-type", "content-encoding"),
        *("transfer-encoding", "accept-encoding", "connection", "keep-alive", "proxy-connection"),
        *("te", "trailer", "upgrade", "expect", "x-client-request-id"),
    }
)
_PREFIX_DENIED = "x-amz-"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,100}")
HEADERS_MAX = 20
TAGS_MAX = 50


def _map(given: Any) -> Any:
    if isinstance(given, str):
        said = "must be a map of names and values; in a form a line each, name: value"
        raise ValueError(said)  # noqa: TRY004 - pydantic tells of no other
    return given


def _headers(given: dict[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in given.items()}
    for name, value in found.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if name in HEADERS_DENIED or name.startswith(_PREFIX_DENIED):
            raise ValueError(f"{name!r} is not for accounts to set: Relay sends its own")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValueError(f"the value of {name!r} must be printable ASCII")
    if len(found) != len(given):
        raise ValueError("each name may stand once, in whatever case")
    return found


def _once(given: list[str]) -> list[str]:
    return list(dict.fromkeys(given))


Region = Annotated[
    str,
    Field(
        pattern=patterns.REGION,
        description="where it serves: for routing, and where Bedrock and Vertex AI are asked",
    ),
]
Tags = Annotated[list[Name], Field(max_length=TAGS_MAX), AfterValidator(_once)]
ExtraHeaders = Annotated[
    dict[str, Annotated[str, Field(max_length=1000)]],
    Field(max_length=HEADERS_MAX, description="sent with every request; shown, so no secrets"),
    BeforeValidator(_map),
    AfterValidator(_headers),
]


class OptionFields(Sent):
    """Azure: `api_version`. Vertex AI: `project`, else the key's. Compatible servers: `quirks`."""

    api_version: Annotated[
        str,
        Field(
            pattern=patterns.API_VERSION,
            description="a dated one asks deployments; none, or `preview`, the v1 API",
        ),
    ] = ""
    project: Annotated[str, Field(pattern=patterns.PROJECT)] = ""
    quirks: Annotated[list[Quirk], Field(max_length=10), AfterValidator(_once)] = Field(
        default_factory=list
    )
