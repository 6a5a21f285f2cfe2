"""How what goes on at a provider is asked for, by the kind of job."""

from common.dialects.jobs import JobReader
from common.dialects.on_demand import OnDemand


def _responses() -> JobReader:
    from common.dialects.openai.background import BackgroundResponses

    return BackgroundResponses()


def _message_batches() -> JobReader:
    from common.dialects.anthropic.batches import MessageBatchJobs

    return MessageBatchJobs()


def _batches() -> JobReader:
    from common.dialects.openai.batch_jobs import BatchJobs

    return BatchJobs()


JOBS: OnDemand[JobReader] = OnDemand(
    {"response": _responses, "message_batch": _message_batches, "batch": _batches}
)
