"""Asking providers for their reports, page by page."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

import httpx

from common.domain.provider_reports import Figures, Place, Report, gather, read_page

ADDRESSES = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
PATHS = {
    ("openai", "usage"): "/v1/organization/usage/completions",
    ("openai", "costs"): "/v1/organization/costs",
    ("anthropic", "usage"): "/v1/organizations/usage_report/messages",
    ("anthropic", "costs"): "/v1/organizations/cost_report",
}
# Buckets of a day on one page: what both providers allow.
DAYS_A_PAGE = 31
PAGES_MAX = 1_000
TIMEOUT_S = 60.0
ANTHROPIC_VERSION = "2023-06-01"
_GROUPINGS = {
    ("openai", "usage"): ("group_by", "model"),
    ("openai", "costs"): ("group_by", "line_item"),
    ("anthropic", "usage"): ("group_by[]", "model"),
    ("anthropic", "costs"): ("group_by[]", "description"),
}
_Parameters = list[tuple[str, str | int | float | bool | None]]


class ReportRefused(Exception):
    """The provider gave no report; the text says which and why, never the key."""


def fetch(
    provider: str,
    first: date,
    last: date,
    *,
    admin_key: str,
    address: str,
    only: Mapping[str, str],
    costs: bool,
) -> Report:
    """Usage of these days (UTC, both included), with costs unless they are not wanted.

    `only` restricts the report by the provider's own parameters, such as `api_key_ids`; costs know
    no keys. Raises `ReportRefused` and `common.domain.provider_reports.UnreadableReport`.
    """
    with httpx.Client(
        base_url=address or ADDRESSES[provider],
        headers=_headers(provider, admin_key),
        timeout=TIMEOUT_S,
    ) as client:
        parts = list(_pages(client, provider, "usage", first, last, only))
        if costs:
            parts += _pages(client, provider, "costs", first, last, {})
    return gather(parts)


def _headers(provider: str, admin_key: str) -> dict[str, str]:
    if provider == "anthropic":
        return {"x-api-key": admin_key, "anthropic-version": ANTHROPIC_VERSION}
    return {"authorization": f"Bearer {admin_key}"}


def _pages(
    client: httpx.Client,
    provider: str,
    kind: str,
    first: date,
    last: date,
    only: Mapping[str, str],
) -> Iterator[list[tuple[Place, Figures]]]:
    suffix = "[]" if provider == "anthropic" else ""
    parameters: _Parameters = [
        *_span(provider, first, last + timedelta(days=1)),
        ("bucket_width", "1d"),
        ("limit", str(DAYS_A_PAGE)),
        _GROUPINGS[provider, kind],
        *((f"{name}{suffix}", value) for name, value in only.items()),
    ]
    page: str | None = None
    for _ in range(PAGES_MAX):
        asked = parameters if page is None else [*parameters, ("page", page)]
        found, page = read_page(provider, kind, _get(client, PATHS[provider, kind], asked))
        yield found
        if page is None:
            return
    raise ReportRefused(f"{PATHS[provider, kind]} has no last page")


def _span(provider: str, first: date, after: date) -> _Parameters:
    since, until = (datetime.combine(day, time(), UTC) for day in (first, after))
    if provider == "anthropic":
        form = "%Y-%m-%dT%H:%M:%SZ"
        return [("starting_at", since.strftime(form)), ("ending_at", until.strftime(form))]
    return [
        ("start_time", str(int(since.timestamp()))),
        ("end_time", str(int(until.timestamp()))),
    ]


def _get(client: httpx.Client, path: str, parameters: _Parameters) -> bytes:
    try:
        answer = client.get(path, params=parameters)
    except httpx.HTTPError as error:
        raise ReportRefused(f"{client.base_url}{path}: {error or type(error).__name__}") from error
    if answer.status_code in (401, 403):
        raise ReportRefused(
            f"{path} refuses the key ({answer.status_code}): it needs an admin key of the "
            "organisation, not the one that serves requests"
        )
    if answer.status_code != 200:
        raise ReportRefused(f"{path} answered {answer.status_code}: {answer.text[:200]}")
    return answer.content
