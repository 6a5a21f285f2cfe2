"""In which order a relay takes over what Redis says is current."""

import msgspec
import pytest

from common.domain.admission import Stale
from common.domain.keys import KeyRecord
from common.domain.refusals import Refused
from common.keyring import Keyring
from common.state.commands import RedisUnavailable
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import Snapshots
from functions.relay.stages.admit import authenticate

KEY = msgspec.json.encode(KeyRecord(id="k", user_id="alice", version=7))
STALE = Stale("7 0 0 0 5", KEY, 0, b"[]", (b"", b"", b""))


class NoPrices:
    """Services whose Redis goes away between the key's records and the prices."""

    def __init__(self):
        self.snapshots = Snapshots((), Keyring("", "a secret of the tests, 32 characters"))
        self.admission = self

    async def verify(self, key_hash, *, address):
        return STALE

    async def follow(self, versions):
        raise RedisUnavailable("gone", sent=True)


async def test_versions_are_remembered_only_once_the_prices_are_theirs():
    """Else `admit` would find nothing stale, and old prices would bound and cost for good."""
    services = NoPrices()
    request = OpenRequest("01K", {"headers": []}, "1.2.3.4")
    request.key_hash = "h"
    with pytest.raises(Refused):
        await authenticate(services, request)
    assert services.snapshots.key("h") is None
