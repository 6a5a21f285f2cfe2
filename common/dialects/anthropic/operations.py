"""All endpoints of Anthropic's API that Relay relays, by their names in the ledger."""

from common.dialects.anthropic.count_tokens import CountTokens
from common.dialects.anthropic.message_batches import MessageBatches
from common.dialects.anthropic.messages import Messages
from common.dialects.base import Operation

OPERATIONS: dict[str, Operation] = {
    "messages": Messages(),
    "messages.batches": MessageBatches(),
    "messages.count_tokens": CountTokens(),
}
