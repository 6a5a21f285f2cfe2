"""Providers' own usage and cost reports, read into one form, and compared with the ledger. Pure.

Sources (November 2026): OpenAI's `/v1/organization/usage/completions` and `/v1/organization/costs`
(platform.openai.com/docs/api-reference/usage), Anthropic's
`/v1/organizations/usage_report/messages` and `/v1/organizations/cost_report`
(platform.claude.com/docs/en/api/admin). Both give days in UTC, in pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

# The ledger's endpoints that each provider's report counts.
REPORTED_ENDPOINTS = {
    "openai": frozenset({"chat.completions", "completions", "responses"}),
    "anthropic": frozenset({"messages"}),
}
FIGURES = ("requests", "input", "cache_read", "cache_write", "output")
_CENTS = Decimal(100)


class UnreadableReport(ValueError):
    """The provider answered something else than its report."""


class Place(NamedTuple):
    """Of what a figure is: a day (UTC, `2026-11-26`) and a model as it answered."""

    day: str
    model: str


class Figures(msgspec.Struct, frozen=True):
    """What was used. None is what a report does not say. `input` excludes cached tokens."""

    requests: int | None = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    usd: Decimal | None = None

    def plus(self, other: "Figures") -> "Figures":
        """The sum, figure by figure."""
        known = None
        if self.requests is not None and other.requests is not None:
            known = self.requests + other.requests
        usd = self.usd if other.usd is None else other.usd + (self.usd or 0)
        sums = {name: getattr(self, name) + getattr(other, name) for name in FIGURES[1:]}
        return Figures(requests=known, usd=usd, **sums)


class Difference(msgspec.Struct, frozen=True):
    """A day and model as both sides have it."""

    place: Place
    ledger: Figures
    report: Figures

    def of(self, name: str) -> int | None:
        """The ledger's figure less the provider's; None where the provider says nothing."""
        reported = getattr(self.report, name)
        return None if reported is None else getattr(self.ledger, name) - reported

    @property
    def usd(self) -> Decimal | None:
        """As `of`, in USD."""
        if self.report.usd is None:
            return None
        return (self.ledger.usd or Decimal(0)) - self.report.usd

    @property
    def agrees(self) -> bool:
        """Whether all counts are the same; money never is to the last digit."""
        return not any(self.of(name) for name in FIGURES)


Report = dict[Place, Figures]


def compare(ledger: Mapping[Place, Figures], report: Mapping[Place, Figures]) -> list[Difference]:
    """Both sides of each day and model, in their order."""
    nothing = Figures()
    return [
        Difference(place, ledger.get(place, nothing), report.get(place, nothing))
        for place in sorted({*ledger, *report})
    ]


def read_page(
    provider: str, kind: str, body: bytes
) -> tuple[list[tuple[Place, Figures]], str | None]:
    """What a page says, and the next page's token. `kind` is usage or costs.

    Raises `UnreadableReport`.
    """
    try:
        page = msgspec.json.decode(body)
        found = [
            (Place(_day(bucket), _model(kind, result)), _READERS[provider, kind](result))
            for bucket in page["data"]
            for result in bucket["results"]
        ]
        return found, page["next_page"] if page.get("has_more") else None
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise UnreadableReport(f"{type(error).__name__}: {error}") from error


def gather(parts: Iterable[Sequence[tuple[Place, Figures]]]) -> Report:
    """All pages of all reports, summed by day and model."""
    found: Report = {}
    for part in parts:
        for place, figures in part:
            known = found.get(place)
            found[place] = figures if known is None else known.plus(figures)
    return found


def _day(bucket: Mapping[str, Any]) -> str:
    """OpenAI gives seconds since 1970, Anthropic RFC 3339."""
    if "starting_at" in bucket:
        return datetime.fromisoformat(bucket["starting_at"]).astimezone(UTC).strftime("%Y-%m-%d")
    return datetime.fromtimestamp(bucket["start_time"], UTC).strftime("%Y-%m-%d")


def _model(kind: str, result: Mapping[str, Any]) -> str:
    """OpenAI's costs name line items such as `gpt-4o-2024-08-06, input`."""
    named = result.get("model")
    if named is None and kind == "costs":
        named = str(result.get("line_item") or "").partition(",")[0]
    return str(named or "") or "(not named)"


def _openai_usage(result: Mapping[str, Any]) -> Figures:
    """`input_tokens` includes what was read from the cache and what was written to it."""
    cached = result.get("input_cached_tokens") or 0
    written = result.get("input_cache_write_tokens") or 0
    return Figures(
        requests=result["num_model_requests"],
        input=result["input_tokens"] - cached - written,
        cache_read=cached,
        cache_write=written,
        output=result["output_tokens"],
    )


def _anthropic_usage(result: Mapping[str, Any]) -> Figures:
    """It does not say how many requests there were."""
    written = result.get("cache_creation") or {}
    return Figures(
        requests=None,
        input=result["uncached_input_tokens"],
        cache_read=result["cache_read_input_tokens"],
        cache_write=sum(
            written.get(f"ephemeral_{span}_input_tokens") or 0 for span in ("5m", "1h")
        ),
        output=result["output_tokens"],
    )


def _openai_costs(result: Mapping[str, Any]) -> Figures:
    return Figures(usd=Decimal(str(result["amount"]["value"])))


def _anthropic_costs(result: Mapping[str, Any]) -> Figures:
    """The amount is in cents: `123.45` is $1.23."""
    return Figures(usd=Decimal(result["amount"]) / _CENTS)


_READERS = {
    ("openai", "usage"): _openai_usage,
    ("openai", "costs"): _openai_costs,
    ("anthropic", "usage"): _anthropic_usage,
    ("anthropic", "costs"): _anthropic_costs,
}
