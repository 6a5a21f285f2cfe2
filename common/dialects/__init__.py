"""Wire formats: a package each, with a `Dialect` and an `Operation` for every endpoint."""

from common.dialects.anthropic import Anthropic, message_batches
from common.dialects.anthropic import batches as anthropic_batches
from common.dialects.anthropic import bounds as anthropic_bounds
from common.dialects.anthropic import operations as anthropic
from common.dialects.base import Dialect, Operation
from common.dialects.bounds import ReadBound, SetCap
from common.dialects.jobs import JobReader
from common.dialects.openai import OpenAI, background
from common.dialects.openai import bounds as openai_bounds
from common.dialects.openai import operations as openai
from common.domain.jobs import JobKind

DIALECTS: dict[str, Dialect] = {"openai": OpenAI(), "anthropic": Anthropic()}
# By the endpoint's name in the ledger.
OPERATIONS: dict[str, Operation] = openai.OPERATIONS | anthropic.OPERATIONS
# What a request can use at most; an endpoint without one has no bound.
BOUNDS: dict[str, ReadBound] = (
    openai_bounds.BOUNDS
    | anthropic_bounds.BOUNDS
    | {"messages.batches": message_batches.message_batches_bound}
)
# How an output cap is written; an endpoint without one takes none.
CAPS: dict[str, SetCap] = openai_bounds.CAPS | anthropic_bounds.CAPS
# How what goes on at a provider is asked for, by kind.
JOBS: dict[JobKind, JobReader] = {
    "response": background.BackgroundResponses(),
    "message_batch": anthropic_batches.MessageBatchJobs(),
}
