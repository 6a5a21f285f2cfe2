"""Wire formats: a package each, with a `Dialect` and an `Operation` for every endpoint.

What a request can use at most is in `common.dialects.worst_cases`.
"""

from collections.abc import Callable

from common.dialects.anthropic.operations import MAKERS as _ANTHROPIC
from common.dialects.base import Dialect, Operation
from common.dialects.on_demand import OnDemand
from common.dialects.openai.operations import MAKERS as _OPENAI


def _openai() -> Dialect:
    from common.dialects.openai.dialect import OpenAI

    return OpenAI()


def _anthropic() -> Dialect:
    from common.dialects.anthropic.dialect import Anthropic

    return Anthropic()


def _gemini() -> Dialect:
    from common.dialects.gemini.dialect import Gemini

    return Gemini()


def _gemini_operation(name: str) -> Callable[[], Operation]:
    """Not even which class serves it is imported before: most installations have no Gemini."""

    def make() -> Operation:
        from common.dialects.gemini import operations

        return operations.OPERATIONS[name]()

    return make


def _converse() -> Operation:
    from common.dialects.bedrock.converse import Converse

    return Converse()


GEMINI_ENDPOINTS = (
    "gemini.generate",
    "gemini.stream",
    "gemini.count_tokens",
    "gemini.embed",
    "gemini.batch_embed",
)
DIALECTS: OnDemand[Dialect] = OnDemand(
    {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
)
# By the endpoint's name in the ledger.
OPERATIONS: OnDemand[Operation] = OnDemand(
    {
        **_OPENAI,
        **_ANTHROPIC,
        **{name: _gemini_operation(name) for name in GEMINI_ENDPOINTS},
        "bedrock.converse": _converse,
    }
)
