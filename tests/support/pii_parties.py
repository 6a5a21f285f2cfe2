"""Who stands around the client of `pii` in tests: its address, and a Redis that is a dictionary."""

import asyncio

from common.pii.finder import PiiFinder
from common.pii_settings import PiiClient
from common.state.commands import RedisUnavailable
from tests.support.processes import INTERNAL_SECRET

PREFIX = "{relay}"
ALL = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_OF_BIRTH"})


class SmallRedis:
    """MGET and SET, in memory; `is_away` makes it answer nothing."""

    def __init__(self):
        self.values = {}
        self.expiries = {}
        self.reads = 0
        self.is_away = False

    async def call(self, command, *arguments):
        await asyncio.sleep(0)
        if self.is_away:
            raise RedisUnavailable("away", sent=False)
        if command == "MGET":
            self.reads += 1
            return [self.values.get(key) for key in arguments]
        key, value, _, ttl_s = arguments
        self.values[key], self.expiries[key] = value, ttl_s
        return b"OK"


def finder_of(upstream, redis, *, url="http://pii.example", timeout_ms=10_000, ttl_s=3_600):
    """A finder as relay makes it."""
    settings = PiiClient(url, timeout_ms, ttl_s)
    return PiiFinder.make(settings, INTERNAL_SECRET, upstream, redis, PREFIX)
