"""All endpoints of Anthropic's API that Relay relays, by their names in the ledger."""

from collections.abc import Callable

from common.dialects.base import Operation


def _messages() -> Operation:
    from common.dialects.anthropic.messages import Messages

    return Messages()


def _count_tokens() -> Operation:
    from common.dialects.anthropic.count_tokens import CountTokens

    return CountTokens()


MAKERS: dict[str, Callable[[], Operation]] = {
    "messages": _messages,
    "messages.count_tokens": _count_tokens,
}
