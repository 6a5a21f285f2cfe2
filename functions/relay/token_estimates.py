"""How many tokens a request will use: the estimate that limits of tokens count until it settles.

It learns from what providers report, model by model, so that limits neither let too much by nor
refuse what would have fitted.
"""

from collections import OrderedDict

import msgspec

from common.domain.usage import Tokens
from functions.relay.open_request import OpenRequest

MODELS_MAX = 1_000
# The first guess of an answer's length, and the weight of each new figure after it.
OUTPUT_FIRST = 256.0
WEIGHT = 0.1
# A few odd requests do not make the next estimates absurd.
FACTOR_MIN, FACTOR_MAX = 0.1, 4.0


class _Learnt(msgspec.Struct):
    input_factor: float = 1.0
    output: float = OUTPUT_FIRST


class TokenEstimates:
    """What this process has learnt of each model, bounded."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, _Learnt] = OrderedDict()

    def of(self, request: OpenRequest) -> int:
        """Input and output tokens; never more output than the caller's cap allows."""
        if request.parsed is None:
            raise ValueError("only a parsed request has an estimate")
        learnt = self._models.get(request.parsed.model) or _Learnt()
        output = learnt.output
        if (cap := request.parsed.max_output_tokens) is not None:
            output = min(output, float(cap * request.parsed.choices))
        return max(int(request.input_estimate * learnt.input_factor + output), 1)

    def learn(self, request: OpenRequest, used: Tokens) -> None:
        """Take in what a provider reported for a request."""
        if request.parsed is None or not request.input_estimate:
            return
        learnt = self._models.setdefault(request.parsed.model, _Learnt())
        if len(self._models) > MODELS_MAX:
            self._models.popitem(last=False)
        factor = (used.total - used.output) / request.input_estimate
        factor = min(max(factor, FACTOR_MIN), FACTOR_MAX)
        learnt.input_factor += WEIGHT * (factor - learnt.input_factor)
        learnt.output += WEIGHT * (used.output - learnt.output)
