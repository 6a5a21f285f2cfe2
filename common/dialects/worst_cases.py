"""What requests can use at most, and how an output cap is written: where money is limited."""

from common.dialects.anthropic import bounds as anthropic
from common.dialects.anthropic.message_batches import message_batches_bound
from common.dialects.bounds import ReadBound, SetCap
from common.dialects.openai import bounds as openai

# By the endpoint's name in the ledger; one that is not here has no bound, or takes no cap.
BOUNDS: dict[str, ReadBound] = (
    openai.BOUNDS | anthropic.BOUNDS | {"messages.batches": message_batches_bound}
)
CAPS: dict[str, SetCap] = openai.CAPS | anthropic.CAPS
