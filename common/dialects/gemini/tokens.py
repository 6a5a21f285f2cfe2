"""`usageMetadata` in Relay's classes.

The prompt's figure includes what a cache served and excludes what tools put in; the candidates'
excludes thoughts (UsageMetadata in python-genai).
"""

import msgspec

from common.domain.usage import Tokens

_AUDIO = "AUDIO"


class ModalityCount(msgspec.Struct, rename="camel"):
    """Tokens of one modality."""

    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(msgspec.Struct, rename="camel"):
    """The member of an answer or of a stream's event; absent figures are None."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None

    def tokens(self) -> Tokens:
        """In Relay's classes; no class is ever negative, whatever was reported."""
        cached = max(0, self.cached_content_token_count or 0)
        thoughts = max(0, self.thoughts_token_count or 0)
        uncached = max(0, (self.prompt_token_count or 0) - cached)
        heard = _audio(self.prompt_tokens_details) - _audio(self.cache_tokens_details)
        return Tokens(
            input=uncached + max(0, self.tool_use_prompt_token_count or 0),
            output=max(0, self.candidates_token_count or 0) + thoughts,
            cache_read=cached,
            reasoning=thoughts,
            audio_input=max(0, heard),
            audio_output=_audio(self.candidates_tokens_details),
        )

    def over(self, earlier: "UsageMetadata") -> "UsageMetadata":
        """What is known after this one: figures are cumulative, absent ones stay."""
        values = msgspec.structs.asdict(earlier)
        for name, value in msgspec.structs.asdict(self).items():
            if value is not None:
                values[name] = value
        return UsageMetadata(**values)


_decoder = msgspec.json.Decoder(UsageMetadata)


def decode_usage(raw: bytes) -> UsageMetadata | None:
    """A `usageMetadata` member; None when it is absent, null or misshapen."""
    if not raw or raw == b"null":
        return None
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError:
        return None


def read_usage(raw: bytes) -> Tokens | None:
    """The figures of a member that has the prompt's; None for any other."""
    usage = decode_usage(raw)
    if usage is None or usage.prompt_token_count is None:
        return None
    tokens = usage.tokens()
    return tokens if tokens.is_plausible else None


def _audio(details: list[ModalityCount] | None) -> int:
    return sum(max(0, one.token_count or 0) for one in details or () if one.modality == _AUDIO)
