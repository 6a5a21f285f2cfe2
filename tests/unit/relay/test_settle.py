"""Settling while Redis is away for long."""

from types import SimpleNamespace

from common.domain.admission import Skipped
from common.state.commands import RedisUnavailable
from functions.relay.stages import settle
from tests.support.usage_records import make_record


class Forgetful:
    """A Redis that executes the first call, loses its answer, and comes back much later."""

    def __init__(self):
        self.rules = []

    async def settle(self, request_id, record, *, rules, **members):
        self.rules.append(rules)
        if len(self.rules) < 3:
            raise RedisUnavailable("lost", sent=True)
        return Skipped()


async def test_what_may_have_been_counted_long_ago_is_not_counted_again(monkeypatch):
    """Redis remembers a settle for a minute; a relay repeats it until it is done."""
    moments = iter((0.0, 1.0, settle.KNOWN_S + 1))
    monkeypatch.setattr(settle, "RETRY_S_FIRST", 0)
    monkeypatch.setattr(settle, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    monkeypatch.setattr(settle, "held_rules", lambda request: b"rules")
    admission = Forgetful()
    services = SimpleNamespace(admission=admission, unsettled={"r"})
    request = SimpleNamespace(
        id="r", admitted=True, entrusted=False, is_bounded=False, failed_account=("", None)
    )
    await settle._settle_until_done(services, request, make_record())
    assert admission.rules == [b"rules", b"rules", b""]
    assert services.unsettled == set()
