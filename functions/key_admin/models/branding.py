"""By which name and logo the console is known, as sent and as answered."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from functions.key_admin.models.fields import LEFT_OUT, Kept, Sent, Time

NAME_CHARACTERS_MAX = 40


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text.strip()


class BrandingPatch(Sent):
    """What is to change; what is left out stays. `logo: null` takes the logo away."""

    name: Annotated[
        Annotated[
            str,
            Field(max_length=NAME_CHARACTERS_MAX, description="empty: Relay"),
            AfterValidator(_printable),
        ],
        Kept,
    ] = LEFT_OUT
    logo: (
        Annotated[
            str,
            Field(
                description="PNG, SVG or WebP of at most 64 KB in base64",
            ),
        ]
        | None
    ) = None


class LogoAnswer(BaseModel):
    """The logo that there is."""

    media_type: Literal["image/png", "image/webp", "image/svg+xml"]
    sha256: str
    path: str = Field(description="where it is found, by anybody")


class BrandingAnswer(BaseModel):
    """An empty name and no logo are Relay's own."""

    name: str
    logo: LogoAnswer | None
    updated_at: Time
