"""The queue of `pii`: texts of all requests together, fairly, and never too many of them."""

import asyncio
import threading

import pytest

from functions.pii.batches import BATCH_CHARACTERS, BATCH_TEXTS, Batches, QueueFull


class Model:
    """Marks each text as a whole; holds its first batch until it is let go."""

    def __init__(self):
        self.batches = []
        self.go = threading.Event()

    def analyse(self, texts):
        assert self.go.wait(30)
        self.batches.append(list(texts))
        if "broken" in texts:
            raise RuntimeError("no such luck")
        return [[(0, len(text), "PERSON", 0.8)] for text in texts]


@pytest.fixture
def model():
    model = Model()
    yield model
    model.go.set()


async def begun(batches, *requests, language="en"):
    """Requests in this order, the first of which is being analysed."""
    tasks = [asyncio.ensure_future(batches.find(language, texts)) for texts in requests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_requests_that_wait_are_analysed_together_and_each_gets_its_own(model):
    batches = Batches({"en": model.analyse}, 100_000)
    tasks = await begun(batches, ["a"], ["bb", "ccc"], ["dddd"])
    model.go.set()
    found = await asyncio.gather(*tasks)
    assert [[one[0][1] for one in spans] for spans in found] == [[1], [2, 3], [4]]
    assert sum(map(len, model.batches)) == 4
    assert len(model.batches) < 4
    await batches.close()


async def test_a_long_request_holds_nobody_up(model):
    batches = Batches({"en": model.analyse}, 1_000_000)
    long_one = [f"{number:02}".ljust(1_000) for number in range(100)]
    tasks = await begun(batches, ["first"], long_one, ["short"])
    model.go.set()
    await tasks[2]
    assert not tasks[1].done()
    await asyncio.gather(*tasks)
    assert all(sum(map(len, batch)) <= BATCH_CHARACTERS for batch in model.batches)
    assert all(len(batch) <= BATCH_TEXTS for batch in model.batches)
    await batches.close()


async def test_too_much_waiting_is_refused_with_a_time_and_an_empty_queue_takes_anything(model):
    batches = Batches({"en": model.analyse}, 1_000)
    waiting = await begun(batches, ["x" * 5_000, "y" * 15_000])
    with pytest.raises(QueueFull) as refusal:
        await batches.find("en", ["z" * 200])
    assert refusal.value.retry_after_s >= 1
    model.go.set()
    await asyncio.gather(*waiting)
    assert await batches.find("en", ["z" * 5_000]) == [[(0, 5_000, "PERSON", 0.8)]]
    await batches.close()


async def test_texts_of_a_caller_who_left_are_not_analysed_and_make_room(model):
    batches = Batches({"en": model.analyse}, 1_000)
    first = (await begun(batches, ["first"]))[0]
    leaving = (await begun(batches, ["left" * 200]))[0]
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    staying = (await begun(batches, ["stays" * 150]))[0]
    model.go.set()
    await asyncio.gather(first, staying)
    analysed = [text for batch in model.batches for text in batch]
    assert analysed == ["first", "stays" * 150]
    await batches.close()


async def test_what_the_model_raises_reaches_those_concerned_and_nobody_else(model):
    batches = Batches({"en": model.analyse}, 100_000)
    broken = (await begun(batches, ["broken", "another"]))[0]
    model.go.set()
    with pytest.raises(RuntimeError, match="no such luck"):
        await broken
    assert await batches.find("en", ["well"]) == [[(0, 4, "PERSON", 0.8)]]
    await batches.close()


async def test_each_language_has_its_model(model):
    other = Model()
    other.go.set()
    batches = Batches({"en": model.analyse, "de": other.analyse}, 100_000)
    tasks = await begun(batches, ["one"])
    tasks += await begun(batches, ["zwei"], language="de")
    tasks += await begun(batches, ["three"])
    model.go.set()
    await asyncio.gather(*tasks)
    assert (model.batches, other.batches) == ([["one"], ["three"]], [["zwei"]])
    await batches.close()
