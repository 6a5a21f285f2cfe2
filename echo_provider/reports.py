"""The organisation's usage and cost reports of both providers, of what was counted here.

Shapes: platform.openai.com/docs/api-reference/usage, platform.claude.com/docs/en/api/admin. A token
of any class costs a millionth of a dollar.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from echo_provider import models
from echo_provider.record import Record
from echo_provider.refusals import Refusal

OPENAI_USAGE = "/v1/organization/usage/completions"
OPENAI_COSTS = "/v1/organization/costs"
ANTHROPIC_USAGE = "/v1/organizations/usage_report/messages"
ANTHROPIC_COSTS = "/v1/organizations/cost_report"
PATHS = (OPENAI_USAGE, OPENAI_COSTS, ANTHROPIC_USAGE, ANTHROPIC_COSTS)
ADMIN_KEYS = ("sk-admin-", "sk-ant-admin")
USD_A_TOKEN = Decimal("0.000001")
_DAY_S = 86_400
_BUCKETS_MAX = {OPENAI_COSTS: 180}
_COUNTED = {
    "openai": frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses"}),
    "anthropic": frozenset({"/v1/messages"}),
}
_Query = Mapping[str, list[str]]


def check_admin_key(headers: Mapping[str, str]) -> None:
    """Raises `Refusal` (401) for the key of a project or workspace."""
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if not key.startswith(ADMIN_KEYS):
        raise Refusal(401, "An admin API key is required.")


def report(path: str, query: _Query, records: Iterable[Record]) -> dict[str, Any]:
    """One page. Raises `Refusal` (400)."""
    provider = "openai" if path.startswith("/v1/organization/") else "anthropic"
    since, until = _span(provider, query)
    if query.get("bucket_width", ["1d"]) != ["1d"]:
        raise Refusal(400, "echo: only bucket_width 1d")
    limit = int(query.get("limit", ["7"])[-1])
    if not 1 <= limit <= _BUCKETS_MAX.get(path, 31):
        raise Refusal(400, f"limit: {limit} is out of range")
    start = max(since, int(query.get("page", ["0"])[-1].removeprefix("page_")))
    end = min(until, start + limit * _DAY_S)
    days = _by_day_and_model(provider, records)
    make = _BUCKETS[path]
    data = [make(day, days.get(day, {})) for day in range(start, end, _DAY_S)]
    more = end < until
    page = {"data": data, "has_more": more, "next_page": f"page_{end}" if more else None}
    return {"object": "page", **page} if provider == "openai" else page


def _span(provider: str, query: _Query) -> tuple[int, int]:
    try:
        if provider == "openai":
            since = int(query["start_time"][-1])
            until = int(query.get("end_time", [str(since + 7 * _DAY_S)])[-1])
        else:
            since = _seconds(query["starting_at"][-1])
            given = query.get("ending_at")
            until = _seconds(given[-1]) if given else since + 7 * _DAY_S
    except (LookupError, ValueError) as error:
        raise Refusal(400, f"echo: the report's span: {error}") from error
    return since - since % _DAY_S, until


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _by_day_and_model(
    provider: str, records: Iterable[Record]
) -> dict[int, dict[str, list[Record]]]:
    found: dict[int, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    served = models.openai_served if provider == "openai" else models.anthropic_served
    for record in records:
        counted = record.endpoint in _COUNTED[provider] and record.method == "POST"
        if counted and (record.input_tokens or record.output_tokens or record.cache_read):
            day = record.time_s - record.time_s % _DAY_S
            found[day][served(record.model) or record.model].append(record)
    return found


def _sum(records: Iterable[Record], *names: str) -> int:
    return sum(getattr(record, name) for record in records for name in names)


def _openai_bucket(
    day: int, by_model: Mapping[str, list[Record]], result: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    results = [result(model, records) for model, records in sorted(by_model.items())]
    return {"object": "bucket", "start_time": day, "end_time": day + _DAY_S, "results": results}


def _openai_usage(model: str, records: list[Record]) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": _sum(records, "input_tokens", "cache_read"),
        "input_cached_tokens": _sum(records, "cache_read"),
        "input_audio_tokens": 0,
        "output_tokens": _sum(records, "output_tokens"),
        "output_audio_tokens": 0,
        "num_model_requests": len(records),
        **dict.fromkeys(("project_id", "user_id", "api_key_id", "batch")),
        "model": model,
    }


def _openai_costs(model: str, records: list[Record]) -> dict[str, Any]:
    return {
        "object": "organization.costs.result",
        "amount": {"value": float(_usd(records)), "currency": "usd"},
        "line_item": f"{model}, all tokens",
        "project_id": None,
    }


def _anthropic_bucket(
    day: int, by_model: Mapping[str, list[Record]], result: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    results = [result(model, records) for model, records in sorted(by_model.items())]
    return {
        "starting_at": datetime.fromtimestamp(day, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ending_at": datetime.fromtimestamp(day + _DAY_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "results": results,
    }


def _anthropic_usage(model: str, records: list[Record]) -> dict[str, Any]:
    return {
        "uncached_input_tokens": _sum(records, "input_tokens"),
        "cache_creation": {
            "ephemeral_1h_input_tokens": _sum(records, "cache_write_1h"),
            "ephemeral_5m_input_tokens": _sum(records, "cache_write_5m"),
        },
        "cache_read_input_tokens": _sum(records, "cache_read"),
        "output_tokens": _sum(records, "output_tokens"),
        "server_tool_use": {"web_search_requests": 0},
        **dict.fromkeys(("api_key_id", "workspace_id", "service_tier", "context_window")),
        "model": model,
    }


def _anthropic_costs(model: str, records: list[Record]) -> dict[str, Any]:
    return {
        "currency": "USD",
        "amount": str(_usd(records) * 100),
        "workspace_id": None,
        "description": f"{model} Usage - Tokens",
        "cost_type": "tokens",
        "context_window": None,
        "model": model,
        "service_tier": "standard",
        "token_type": None,
    }


def _usd(records: list[Record]) -> Decimal:
    classes = ("input_tokens", "output_tokens", "cache_read", "cache_write_5m", "cache_write_1h")
    return USD_A_TOKEN * _sum(records, *classes)


_BUCKETS: dict[str, Callable[[int, Mapping[str, list[Record]]], dict[str, Any]]] = {
    OPENAI_USAGE: lambda day, found: _openai_bucket(day, found, _openai_usage),
    OPENAI_COSTS: lambda day, found: _openai_bucket(day, found, _openai_costs),
    ANTHROPIC_USAGE: lambda day, found: _anthropic_bucket(day, found, _anthropic_usage),
    ANTHROPIC_COSTS: lambda day, found: _anthropic_bucket(day, found, _anthropic_costs),
}
