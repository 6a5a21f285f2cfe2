"""When a store is asked: once at a time, not too often, and no scrape waits for one that hangs."""

import asyncio

import pytest

from common.state.commands import RedisUnavailable
from common.telemetry import catalogue
from common.telemetry.metrics import Gauge
from functions.exporter import watched
from functions.exporter.watched import Watched


class Store:
    """A store of the test's: it counts questions, and answers, hangs or fails as told."""

    def __init__(self, gauge):
        self.gauge = gauge
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.error = None

    async def ask(self):
        self.asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.gauge.set(self.asked)


@pytest.fixture
def gauge(monkeypatch):
    monkeypatch.setattr(catalogue.EXPORTER_UP, "values", {})
    monkeypatch.setattr(watched, "FRESH_S", 0.0)
    monkeypatch.setattr(watched, "ANSWER_S", 0.05)
    monkeypatch.setattr("common.telemetry.metrics.REGISTRY", [])
    return Gauge("relay_of_the_test", "")


def up():
    return catalogue.EXPORTER_UP.values["store",]


async def test_a_fresh_answer_is_kept(gauge, monkeypatch):
    monkeypatch.setattr(watched, "FRESH_S", 3600.0)
    store = Store(gauge)
    one = Watched("store", store.ask, [gauge])
    for _ in range(3):
        await one.refresh()
    assert (store.asked, gauge.values, up()) == (1, {(): 1}, 1)


async def test_scrapes_at_once_share_one_question(gauge):
    store = Store(gauge)
    one = Watched("store", store.ask, [gauge])
    await asyncio.gather(*[one.refresh() for _ in range(5)])
    assert store.asked == 1
    await one.refresh()
    assert store.asked == 2


async def test_a_store_that_hangs_is_down_until_it_answers(gauge):
    store = Store(gauge)
    one = Watched("store", store.ask, [gauge])
    await one.refresh()
    store.open.clear()
    for _ in range(2):
        await one.refresh()
        assert (up(), gauge.values) == (0, {})
    assert store.asked == 2
    store.open.set()
    await one.refresh()
    # The late answer counts; nobody asked again.
    assert (store.asked, up(), gauge.values) == (2, 1, {(): 2})


@pytest.mark.parametrize("error", [RedisUnavailable("gone", sent=False), KeyError("a mistake")])
async def test_a_store_that_fails_says_nothing_of_before(gauge, error, capfd):
    store = Store(gauge)
    one = Watched("store", store.ask, [gauge])
    await one.refresh()
    store.error = error
    await one.refresh()
    await one.refresh()
    assert (up(), gauge.values) == (0, {})
    assert capfd.readouterr().out.count("store_away") == 1


async def test_closing_ends_a_question_under_way(gauge, monkeypatch):
    store = Store(gauge)
    store.open.clear()
    one = Watched("store", store.ask, [gauge])
    await one.refresh()
    await asyncio.wait_for(one.close(), 5)
    await one.close()
