"""All endpoints of Anthropic's API that Relay relays, by their names in the ledger."""

from collections.abc import Callable

from common.dialects.base import Operation


def _messages() -> Operation:
    from common.dialects.anthropic.messages import Messages

    return Messages()


def _message_batches() -> Operation:
    from common.dialects.anthropic.message_batches import MessageBatches

    return MessageBatches()


def _count_tokens() -> Operation:
    from common.dialects.anthropic.count_tokens import CountTokens

    return CountTokens()


MAKERS: dict[str, Callable[[], Operation]] = {
    "messages": _messages,
    "messages.batches": _message_batches,
    "messages.count_tokens": _count_tokens,
}
