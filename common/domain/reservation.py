"""The most that a request can cost: what a hard budget reserves before the provider is asked. Pure.

Text has at most as many tokens as it has bytes in UTF-8, and JSON's escapes only add bytes; so
the body's own size bounds its text. What the body does not hold (an image by its address) is
bounded by the provider's published maximum, or by the model's context window. What has no bound
is named, and refused where a budget is hard.
"""

import msgspec

from common.domain.limits import AMOUNT_MAX
from common.domain.model_prices import ModelPrice, Rates, Tier, TierRates
from common.domain.money import nano_ceiling


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What one request can use at most, as its body says.

    `input_tokens` None: as much as the context window; `windowed` False says that the window
    bounds each of many inputs, not all. `choices` multiply the output. `caches`: the caller asks
    for cache writes, which cost more. `default_cap` is the output that the provider stops at by
    itself. `unbounded` names what has no bound. `tier` is the dearest that may serve it. `parts`
    are the requests of a batch with the output cap of each, which is not lowered.
    """

    input_tokens: int | None
    windowed: bool = True
    choices: int = 1
    caches: bool = False
    audio: bool = False
    generates: bool = True
    free: bool = False
    least_output: int = 1
    default_cap: int | None = None
    unbounded: str | None = None
    tier: Tier = "standard"
    parts: "tuple[tuple[Bound, int], ...]" = ()


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """What a candidate may cost, in nano-USD rounded up; `take_candidate` in Lua reads it.

    Its worst case is `input_nano` + `output_nano` * cap. `wanted` is the cap per choice, -1 for
    what generates nothing; a clamp goes no lower than `least`. The draft's figures are charged
    should the relay die.
    """

    input_nano: int
    output_nano: int
    wanted: int
    least: int
    draft_tokens: int = 0
    draft_nano: int = 0

    def worst_nano(self, cap: int) -> int:
        """What is reserved with that output cap."""
        return self.input_nano + self.output_nano * max(cap, 0)


def charge_of(price: ModelPrice, bound: Bound, caller_cap: int | None) -> Charge:
    """The worst case at a price. Without a cap of the caller's the catalogue's default counts."""
    if bound.free:
        return Charge(0, 0, -1, 0)
    if bound.parts:
        return Charge(_parts_nano(price, bound), 0, -1, 0)
    tokens = _input_tokens(price, bound)
    # A dearer tier may fall back to the standard one (a batch stays one), and either may charge for
    # its length.
    served: list[TierRates] = [] if bound.tier == "batch" else [price]
    if bound.tier != "standard" and (other := price.at_tier(bound.tier)) is not None:
        served.append(other)
    tiers: list[Rates] = [*served, *(one.for_length(tokens) for one in served)]
    input_nano = _nano(tokens * max(_input_rate(rates, bound) for rates in tiers))
    if not bound.generates:
        return Charge(input_nano, 0, -1, 0)
    output_nano = _nano(max(_output_rate(rates, bound) for rates in tiers) * bound.choices)
    wanted = caller_cap
    if wanted is None:
        wanted = bound.default_cap or min(price.default_max_output_tokens, price.max_output_tokens)
    least = min(max(price.min_output_tokens, bound.least_output), wanted)
    return Charge(input_nano, output_nano, wanted, least)


def _parts_nano(price: ModelPrice, bound: Bound) -> int:
    """The worst case of a whole batch: a price depends on the length of one request."""
    worst = sum(charge_of(price, part, cap).worst_nano(cap) for part, cap in bound.parts)
    return min(worst, AMOUNT_MAX)


def _input_tokens(price: ModelPrice, bound: Bound) -> int:
    if bound.input_tokens is None:
        return price.context_window
    return min(bound.input_tokens, price.context_window) if bound.windowed else bound.input_tokens


def _input_rate(rates: Rates, bound: Bound) -> int:
    """The dearest class that the input may be billed as."""
    classes = [rates.input, rates.cache_read]
    if bound.caches:
        classes += [rates.cache_write_5m, rates.cache_write_1h]
    if bound.audio and rates.audio_input is not None:
        classes.append(rates.audio_input)
    return max(classes)


def _output_rate(rates: Rates, bound: Bound) -> int:
    if bound.audio and rates.audio_output is not None:
        return max(rates.output, rates.audio_output)
    return rates.output


def _nano(pico: int) -> int:
    return min(nano_ceiling(pico), AMOUNT_MAX)
