"""POST /v1/messages/batches: every request is answered as /v1/messages would, and billed at once.

A request that is refused, or that asks for an error, is an `errored` result.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from echo_provider.anthropic_answers import anthropic_whole
from echo_provider.anthropic_requests import parse_messages
from echo_provider.ask import Answer, Usage, plan
from echo_provider.batch_store import Batch, BatchStore
from echo_provider.checks import AnthropicComplaints, Fields
from echo_provider.faults import Faults, Times, parse_faults, split_directives
from echo_provider.refusals import Refusal, anthropic_error, encoded
from echo_provider.replies import Reply, Wanted

_COMPLAINTS = AnthropicComplaints()
_NOTHING = Usage(prompt=0, completion=0)


def batches_parser(store: BatchStore) -> Callable[[dict[str, Any]], Wanted]:
    """The endpoint's `parse`, for the batches of one server."""

    def parse(body: dict[str, Any]) -> Wanted:
        asked = []
        for item in Fields(body, _COMPLAINTS).items("requests", required=True):
            custom_id = item.string("custom_id", required=True) or ""
            params = item.fields("params", required=True)
            asked.append((custom_id, dict(params.value) if params is not None else {}))
        if len({custom_id for custom_id, _ in asked}) < len(asked):
            raise Refusal(400, "requests: custom_id must be unique")

        def reply(faults: Faults, text: str) -> Reply:  # noqa: ARG001
            made = [_result(custom_id, params, faults) for custom_id, params in asked]
            batch = Batch(
                identifier=f"msgbatch_01{secrets.token_hex(11)}",
                results=[result for result, _ in made],
                created=datetime.now(UTC),
                ends_at=time.monotonic() + faults.background_ms / 1000,
            )
            store.put(batch)
            # Newly made it is never shown as ended.
            shown = batch.shown("") | {"processing_status": "in_progress", "results_url": None}
            usage = _sum([usage for _, usage in made])
            return Reply(whole=lambda: encoded(shown), usage=usage)

        return Wanted(text="", reply=reply)

    return parse


def _result(custom_id: str, params: dict[str, Any], faults: Faults) -> tuple[dict[str, Any], Usage]:
    try:
        answer, message = _message(params, faults)
    except Refusal as refusal:
        error = anthropic_error(refusal, "req_batch")
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}, _NOTHING
    result = {"type": "succeeded", "message": message}
    return {"custom_id": custom_id, "result": result}, answer.usage


def _message(params: dict[str, Any], faults: Faults) -> tuple[Answer, msgspec.Raw]:
    """The answer to one request. Raises `Refusal`."""
    ask = parse_messages(params)
    if ask.stream:
        raise Refusal(400, "stream: streaming is not supported in batches")
    directives, text = split_directives(ask.text)
    own = parse_faults(directives, Times())
    if own.status is not None:
        raise Refusal(own.status, f"echo: status {own.status} was asked for")
    answer = plan(ask, own if directives else faults, text)
    return answer, msgspec.Raw(anthropic_whole(ask, answer))


def _sum(usages: list[Usage]) -> Usage:
    names = ("prompt", "completion", "cached", "cache_write_5m", "cache_write_1h", "reasoning")
    return Usage(**{name: sum(getattr(one, name) for one in usages) for name in names})
