"""Open jobs: one that cannot be looked at."""

from common.accounts import built_in_accounts
from common.domain.credentials import Credential
from common.domain.jobs import Job
from common.environment_accounts import BuiltInAccount
from functions.cleanup.tasks.jobs import _look_at
from functions.cleanup.turn import Turn
from tests.support.usage_records import make_record


class Broken:
    """A settlement that fails in a way that nobody foresaw, and the queue of jobs."""

    def __init__(self):
        self.postponed = []

    async def collect(self, job, account, *, dry_run):
        raise ValueError("an id that makes no URL")

    async def postpone(self, job, now_ms):
        self.postponed.append(job.request_id)


async def test_a_job_that_fails_is_put_off_and_holds_up_no_other():
    (account,) = built_in_accounts(
        [BuiltInAccount("openai", "http://localhost:1", Credential(api_key="sk-x"))]
    )
    job = Job("response", "resp 1", 0, make_record(account_id=account.id))
    broken, turn = Broken(), Turn(1)
    turn.counts("settled", "open", "unreachable")
    await _look_at(broken, broken, job, {account.id: account}, turn)
    assert turn.done["unreachable"] == 1
    assert broken.postponed == [job.request_id]
