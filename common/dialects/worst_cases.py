"""What requests can use at most, and how an output cap is written: where money is limited."""

from common.dialects import GEMINI_ENDPOINTS
from common.dialects.anthropic import bounds as anthropic
from common.dialects.anthropic.message_batches import message_batches_bound
from common.dialects.bounds import ReadBound, SetCap
from common.dialects.openai import bounds as openai
from common.domain.reservation import Bound


def _gemini_bound(endpoint: str) -> ReadBound:
    def bound(body: bytes) -> Bound:
        from common.dialects.gemini import bounds as gemini

        return gemini.BOUNDS[endpoint](body)

    return bound


def _set_gemini_cap(body: bytes, cap: int, provider: str) -> bytes:
    from common.dialects.gemini.bounds import set_generate_cap

    return set_generate_cap(body, cap, provider)


def _converse_bound(body: bytes) -> Bound:
    from common.dialects.bedrock.bounds import converse_bound

    return converse_bound(body)


def _set_converse_cap(body: bytes, cap: int, provider: str) -> bytes:
    from common.dialects.bedrock.bounds import set_converse_cap

    return set_converse_cap(body, cap, provider)


# By the endpoint's name in the ledger; one that is not here has no bound, or takes no cap.
BOUNDS: dict[str, ReadBound] = (
    openai.BOUNDS
    | anthropic.BOUNDS
    | {"messages.batches": message_batches_bound}
    | {endpoint: _gemini_bound(endpoint) for endpoint in GEMINI_ENDPOINTS}
    | {"bedrock.converse": _converse_bound}
)
CAPS: dict[str, SetCap] = (
    openai.CAPS
    | anthropic.CAPS
    | dict.fromkeys(("gemini.generate", "gemini.stream"), _set_gemini_cap)
    | {"bedrock.converse": _set_converse_cap}
)
