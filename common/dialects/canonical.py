"""Requests that ask for the same: one text for all of them, for the response cache. Pure.

What an answer cannot depend on is left out: the order of members, white space, escapes, and the
members that name an end user or steer the provider's own prompt cache. What is here and what is
not kept at all, and why, is in docs/caching.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from common.dialects.base import ParsedRequest
from common.dialects.bodies import loads


class NotKept(Exception):
    """An answer to such a request is not kept; the text says why in a few words."""


# They tell the provider whose request it is, or how it caches prompts, and no answer repeats them.
_OF_OPENAI = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key",
                        "prompt_cache_retention"})  # fmt: skip
# By endpoint whose answers may be kept: the members that do not count. A response of
# `/v1/responses` repeats its request's members, so each of them counts there.
_IGNORED: Mapping[str, frozenset[str]] = {
    "chat.completions": _OF_OPENAI,
    "completions": _OF_OPENAI,
    "embeddings": _OF_OPENAI,
    "responses": frozenset(),
    "messages": frozenset({"metadata"}),
    "gemini.generate": frozenset(),
    "gemini.stream": frozenset(),
    "gemini.embed": frozenset(),
    "gemini.batch_embed": frozenset(),
}
ENDPOINTS = frozenset(_IGNORED)
# They hold JSON schemas: models fill in the members of an object in the order of its schema, so
# there the order counts.
_ORDERED = frozenset({"tools", "functions", "response_format", "text", "output_config",
                      "output_format", "generationConfig", "generation_config"})  # fmt: skip
# They ask for more than an answer: something is done, looked up, or kept at the provider.
_ASKS_FOR_MORE = ("web_search_options", "audio", "store", "background", "conversation",
                  "previous_response_id", "mcp_servers", "container",
                  "context_management", "cachedContent", "cached_content")  # fmt: skip
_OPENAIS_TOOLS = frozenset({"function", "custom", "local_shell", "apply_patch"})
_ANTHROPICS_TOOLS = ("bash_", "text_editor_", "computer_", "memory_")
_GEMINIS_TOOLS = frozenset({"functionDeclarations", "function_declarations"})

_sorted = msgspec.json.Encoder(order="sorted")
_as_written = msgspec.json.Encoder()


def canonical(endpoint: str, body: bytes, parsed: ParsedRequest) -> bytes:
    """The same bytes for all bodies that ask the endpoint for the same. Raises `NotKept`."""
    ignored = _IGNORED.get(endpoint)
    if ignored is None:
        raise NotKept("endpoint")
    if parsed.stored or parsed.follows is not None or parsed.job is not None:
        raise NotKept("stored")
    given = loads(body)
    if not isinstance(given, dict):
        raise NotKept("unreadable")
    for name in _ASKS_FOR_MORE:
        if given.get(name) not in (None, False):
            raise NotKept(name)
    if isinstance(given.get("prompt"), dict):
        raise NotKept("prompt")  # a template that is kept at the provider, and may change there
    _check_tools(endpoint, given.get("tools"))
    counted: dict[str, Any] = {
        name: msgspec.Raw(_as_written.encode(value)) if name in _ORDERED else value
        for name, value in given.items()
        if name not in ignored and name != "stream"
    }
    if not parsed.stream:
        counted.pop("stream_options", None)
    try:
        return _sorted.encode([parsed.stream, counted])
    except (ValueError, RecursionError) as error:
        raise NotKept("unreadable") from error


def _check_tools(endpoint: str, tools: Any) -> None:
    """Raises `NotKept` for a tool that the provider runs: its results are of their moment."""
    runs_at_caller = _RUNS_AT_CALLER[endpoint.partition(".")[0]]
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict) or not runs_at_caller(tool):
            raise NotKept("tools")


def _is_own_of_openai(tool: dict[str, Any]) -> bool:
    return tool.get("type") in _OPENAIS_TOOLS


def _is_own_of_anthropic(tool: dict[str, Any]) -> bool:
    kind = tool.get("type")
    return kind in (None, "custom") or str(kind).startswith(_ANTHROPICS_TOOLS)


def _is_own_of_gemini(tool: dict[str, Any]) -> bool:
    return tool.keys() <= _GEMINIS_TOOLS


_RUNS_AT_CALLER: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "chat": _is_own_of_openai,
    "completions": _is_own_of_openai,
    "embeddings": _is_own_of_openai,
    "responses": _is_own_of_openai,
    "messages": _is_own_of_anthropic,
    "gemini": _is_own_of_gemini,
}
