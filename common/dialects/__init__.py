"""Wire formats: a package each, with a `Dialect` and an `Operation` for every endpoint.

What a request can use at most is in `common.dialects.worst_cases`.
"""

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


DIALECTS: OnDemand[Dialect] = OnDemand({"openai": _openai, "anthropic": _anthropic})
# By the endpoint's name in the ledger.
OPERATIONS: OnDemand[Operation] = OnDemand({**_OPENAI, **_ANTHROPIC})
