"""The client of `pii`: what is asked, remembered, waited for and given up."""

import asyncio
import re

import msgspec
import pytest

from common.domain.refusals import Reason
from common.pii import client as client_module
from common.pii.wire import AUTHORIZATION, Ask, Findings, authorization
from common.providers.base import Failure
from common.providers.http import UpstreamFailed
from common.redaction.found import Found
from common.redaction.model_findings import ModelUnavailable
from tests.support.pii_parties import ALL, SmallRedis, finder_of
from tests.support.processes import INTERNAL_SECRET

UNREACHABLE = UpstreamFailed(Failure(Reason.UPSTREAM_UNREACHABLE, "pii could not be reached"))
TIMED_OUT = UpstreamFailed(Failure(Reason.UPSTREAM_TIMEOUT, "pii did not answer in time"))


class Pii:
    """The upstream client, with the function behind it: finds each `Ann` and `Rome`."""

    def __init__(self, *answers):
        self.asked = []
        self.headers = []
        self.version = "model 1"
        # What comes before it serves: statuses, or what is raised.
        self.answers = list(answers)
        self.gate = None

    def exchange(self, method, url, headers, body, provider, *, timeout_ms):
        assert (method, url) == ("POST", "http://pii.example/find")
        self.headers.append(dict(headers))
        return Answer(self, msgspec.json.decode(body, type=Ask))

    @property
    def texts(self):
        return [text for ask in self.asked for text in ask.texts]


class Answer:
    """One exchange."""

    def __init__(self, pii, ask):
        self.pii = pii
        self.ask = ask
        self.status = 200

    async def open(self):
        await asyncio.sleep(0)
        if self.pii.answers:
            answer = self.pii.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            self.status = answer
            return
        if self.pii.gate is not None:
            await self.pii.gate.wait()
        self.pii.asked.append(self.ask)

    async def read_all(self):
        names = {"Ann": "PERSON", "Rome": "LOCATION"}
        found = [
            [(one.start(), one.end(), names[one[0]], 0.8) for one in re.finditer("Ann|Rome", text)]
            for text in self.ask.texts
        ]
        return msgspec.json.encode(Findings(self.pii.version, found))

    def header(self, name):
        return "1" if self.status == 503 and name == "retry-after" else None

    async def close(self):
        pass


@pytest.fixture
def pauses(monkeypatch):
    """How long was slept; none of it is waited for."""
    taken = []
    real = asyncio.sleep

    async def sleep(seconds):
        taken.append(seconds)
        await real(0)

    monkeypatch.setattr(client_module.asyncio, "sleep", sleep)
    return taken


async def test_findings_have_the_offsets_of_their_text_and_the_entities_that_were_asked():
    finder = finder_of(Pii(), SmallRedis())
    long_text = "Nothing is here, as they say. " * 100 + "Ann is in Rome"
    found = await finder.find([long_text, "42", "Rome"], frozenset({"LOCATION"}), "t")
    assert [[long_text[one.start : one.end] for one in found[0]], found[1]] == [["Rome"], []]
    assert found[2] == [Found(0, 4, "LOCATION", 0.8)]


async def test_it_proves_itself_by_a_token_of_the_internal_secret():
    pii = Pii()
    await finder_of(pii, SmallRedis()).find(["Ann"], ALL, "t")
    [headers] = pii.headers
    assert headers[AUTHORIZATION] == authorization(INTERNAL_SECRET)
    assert INTERNAL_SECRET not in str(headers)


async def test_of_a_conversation_only_what_is_new_is_asked():
    pii, redis = Pii(), SmallRedis()
    history = []
    for turn in range(20):
        history.append(f"In turn {turn} Ann said it.")
        # Each turn in another process: what is remembered is in Redis.
        found = await finder_of(pii, redis).find(history, ALL, "t")
        assert [len(one) for one in found] == [1] * len(history)
    assert pii.texts == history


async def test_what_this_process_knows_costs_no_call_at_all():
    pii, redis = Pii(), SmallRedis()
    finder = finder_of(pii, redis)
    first = await finder.find(["Ann", "Ann"], ALL, "t")
    reads = redis.reads
    assert await finder.find(["Ann", "Ann"], ALL, "t") == first
    assert (pii.texts, redis.reads) == (["Ann"], reads)


async def test_redis_has_neither_a_text_nor_a_hash_that_can_be_made_without_the_key():
    pii, redis = Pii(), SmallRedis()
    await finder_of(pii, redis).find(["Ann was in Rome"], ALL, "tenant")
    await finder_of(pii, redis).find(["Ann was in Rome"], ALL, "another")
    assert len(redis.values) == 2  # nothing is shared between tenants
    assert len(pii.texts) == 2
    for key, value in redis.values.items():
        assert re.fullmatch(r"\{relay\}:spans:[0-9a-f]{40}", key)
        assert b"Ann" not in value
        assert b"Rome" not in value
    assert set(redis.expiries.values()) == {3_600}


async def test_findings_of_another_version_are_asked_for_again():
    pii, redis = Pii(), SmallRedis()
    finder = finder_of(pii, redis)
    await finder.find(["Ann"], ALL, "t")
    pii.version = "model 2"
    await finder.find(["something new"], ALL, "t")
    await finder.find(["Ann"], ALL, "t")
    assert pii.texts == ["Ann", "something new", "Ann"]


async def test_without_redis_and_without_a_memory_it_asks():
    pii, redis = Pii(), SmallRedis()
    redis.is_away = True
    await finder_of(pii, redis).find(["Ann"], ALL, "t")
    forgetful = finder_of(pii, SmallRedis(), ttl_s=0)
    await forgetful.find(["Ann"], ALL, "t")
    await forgetful.find(["Ann"], ALL, "t")
    assert pii.texts == ["Ann"] * 3


async def test_what_is_on_its_way_already_is_asked_once():
    pii = Pii()
    pii.gate = asyncio.Event()
    finder = finder_of(pii, SmallRedis())
    finding = [asyncio.ensure_future(finder.find(["Ann"], ALL, "t")) for _ in range(50)]
    for _ in range(10):
        await asyncio.sleep(0)
    finding[0].cancel()  # whoever asked first may leave
    pii.gate.set()
    found = await asyncio.gather(*finding[1:])
    assert pii.texts == ["Ann"]
    assert found == [[[Found(0, 3, "PERSON", 0.8)]]] * 49


async def test_a_start_and_refusals_are_waited_for(pauses):
    pii = Pii(UNREACHABLE, UNREACHABLE, 503, 502, 504)
    assert len(await finder_of(pii, SmallRedis()).find(["Ann"], ALL, "t")) == 1
    waits = [pause for pause in pauses if pause]
    assert len(waits) == 5
    assert waits[2] >= 1  # as its retry-after says


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([401], "the same RELAY_INTERNAL_SECRET"),
        ([404], "RELAY_PII_URL may lead elsewhere"),
        ([400], "answered 400"),
        ([TIMED_OUT], "gave no answer within 10000 ms"),
    ],
)
async def test_what_no_waiting_helps_is_given_up_with_a_reason(answers, reason):
    with pytest.raises(ModelUnavailable, match=reason) as failure:
        await finder_of(Pii(*answers), SmallRedis()).find(["Ann"], ALL, "t")
    assert "Ann" not in str(failure.value)


async def test_time_is_up_while_it_cannot_be_reached():
    pii = Pii(*[UNREACHABLE] * 1_000)
    # Whichever of the two that watch the time looks first.
    said = "could not be reached within 100 ms|was not through within 0.1 s"
    with pytest.raises(ModelUnavailable, match=said):
        await finder_of(pii, SmallRedis(), timeout_ms=100).find(["Ann"], ALL, "t")


async def test_time_is_up_while_it_thinks():
    pii = Pii()
    pii.gate = asyncio.Event()
    with pytest.raises(ModelUnavailable, match="was not through"):
        await finder_of(pii, SmallRedis(), timeout_ms=50).find(["Ann"], ALL, "t")


async def test_once_one_waited_in_vain_one_at_a_time_tries_until_it_answers_again():
    pii = Pii(TIMED_OUT)
    finder = finder_of(pii, SmallRedis())
    with pytest.raises(ModelUnavailable):
        await finder.find(["Ann"], ALL, "t")
    pii.gate = asyncio.Event()
    trying = asyncio.ensure_future(finder.find(["Ann 1"], ALL, "t"))
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(ModelUnavailable, match="being tried again"):
        await finder.find(["Ann 2"], ALL, "t")
    pii.gate.set()
    await trying
    await asyncio.gather(*(finder.find([f"Ann {n}"], ALL, "t") for n in range(3, 6)))


async def test_an_answer_that_is_none_is_no_finding(monkeypatch):
    pii = Pii()

    async def nonsense(self):
        return b'{"version": "1", "found": [[], []]}'

    monkeypatch.setattr(Answer, "read_all", nonsense)
    with pytest.raises(ModelUnavailable, match="another number of texts"):
        await finder_of(pii, SmallRedis()).find(["Ann"], ALL, "t")


async def test_a_long_prompt_is_asked_for_in_parts():
    pii = Pii()
    texts = [f"Ann wrote note {number}. " * 60 for number in range(40)]
    await finder_of(pii, SmallRedis()).find(texts, ALL, "t")
    assert len(pii.asked) >= 3
    assert all(sum(map(len, ask.texts)) <= client_characters() for ask in pii.asked)


def client_characters():
    from common.pii.wire import ASKED_CHARACTERS

    return ASKED_CHARACTERS


async def test_whoever_waits_is_told_when_relay_stops():
    pii = Pii()
    pii.gate = asyncio.Event()
    finder = finder_of(pii, SmallRedis())
    finding = asyncio.ensure_future(finder.find(["Ann"], ALL, "t"))
    for _ in range(10):
        await asyncio.sleep(0)
    await finder.close()
    with pytest.raises(ModelUnavailable, match="stopping"):
        await finding
