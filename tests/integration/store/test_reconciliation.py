"""Counters against the ledger: exact while everything moves, and what becomes of a difference."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from common import reconciliation
from common.domain.admission import SettledLate
from common.domain.ids import ulid_time_ms
from common.domain.limits import Count
from common.domain.periods import Calendar
from common.domain.policies import ORGANISATION, Applied, Budget, Limits, Policy
from common.domain.reconciliation import counters_of
from common.domain.usage import encode
from common.identifiers import new_ulid, now_ms
from common.posting import arrival_from_outbox, post
from common.reconciliation import CutBusy, reconcile
from common.state import cut
from common.state.admission import LEASE_MS, Admission
from common.state.projection import raise_counter
from common.store import reconciliation as store
from tests.support.books import PREFIX, Books, use_of
from tests.support.usage_records import make_adjustment

BERLIN = Calendar("Europe/Berlin", "sunday", 5)
BUDGETS = tuple(Budget(period, "9000") for period in ("day", "week", "month", "total"))
DAILY = Limits(requests_per_day=10**9, tokens_per_day=10**12)
POLICY = Policy(DAILY, BUDGETS)
ELSEWHERE = Policy(DAILY, BUDGETS, BERLIN)


@pytest.fixture
async def books(ledger_database, redis_url, monkeypatch):
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_S", 0.01)
    made = Books(ledger_database, redis_url)
    yield made
    await made.close()


def keys_of(applied, figure):
    return [one.key for one in counters_of([applied], now_ms()) if figure in one.figures]


async def nothing_differs(books, *applied):
    outcome = await reconcile(*books.stores, applied, lower=True)
    assert outcome.found == []


async def test_a_cut_is_held_however_long_the_ledger_takes(books, monkeypatch):
    """Else a large ledger in another calendar than UTC could never be compared."""
    key = await books.key(ELSEWHERE)
    sums, held = store.sums, []

    async def slow(*arguments):
        held.append(int(await books.commands.call("PTTL", f"{PREFIX}:lock:reconcile-cut")))
        await books.commands.call("PEXPIRE", f"{PREFIX}:lock:reconcile-cut", 5_000)
        return await sums(*arguments)

    monkeypatch.setattr(store, "sums", slow)
    monkeypatch.setattr(reconciliation, "SUMS_AT_ONCE", 1)
    await nothing_differs(books, key)
    assert len(held) == len(counters_of([key], now_ms()))
    assert min(held) > 5_000


@pytest.mark.parametrize("policy", [POLICY, ELSEWHERE], ids=["utc", "berlin"])
async def test_open_waiting_and_posted_requests_are_no_drift(books, policy):
    key = await books.key(policy)
    await nothing_differs(books, key)
    for _ in range(5):
        await books.use(key)
    await books.post()
    for _ in range(5):
        await books.use(key)
    for _ in range(3):
        await books.admit(key, books.record(key))
    await nothing_differs(books, key)
    await books.post()
    await nothing_differs(books, key)


@pytest.mark.parametrize("policy", [POLICY, ELSEWHERE], ids=["utc", "berlin"])
async def test_what_redis_has_less_is_raised_to_the_nano(books, policy):
    key = await books.key(policy)
    for _ in range(6):
        await books.use(key)
    await books.post()
    await books.use(key)  # waits in the outbox
    await books.admit(key, books.record(key))
    before = {name: await books.counted(name) for name in keys_of(key, "spent")}
    for name in keys_of(key, "spent"):
        await books.add(name, "s", -1_000)
        await books.add(name, "r", -7)
    for name in keys_of(key, "tokens"):
        await books.add(name, "r", -2)
        await books.add(name, "t", -3)
    due = await reconcile(*books.stores, [key], dry_run=True)
    done = await reconcile(*books.stores, [key])
    assert due.raised == done.raised
    assert len(done.raised) == 4 * 2 + 2
    assert done.left == done.lowered == []
    for name in keys_of(key, "spent"):
        counted = await books.counted(name)
        # Seven records were rounded up; the sum is rounded once.
        assert 0 <= before[name]["s"] - counted["s"] <= 7
        assert counted["r"] == before[name]["r"]
    await nothing_differs(books, key)


@pytest.mark.parametrize("policy", [POLICY, ELSEWHERE], ids=["utc", "berlin"])
async def test_an_accounts_money_and_tokens_are_compared_too(books, policy):
    key = await books.key(Policy())
    account = await books.account(policy)
    named = {"account_id": account.scope.removeprefix("account:")}
    await books.use(key, account, **named)
    await books.post()
    await books.use(key, account, **named)
    await books.admit(key, books.record(key, **named), account=account)
    await nothing_differs(books, account)
    # A request that the account failed stays counted there, and is nowhere in the ledger.
    (day,) = keys_of(account, "tokens")
    await books.add(day, "r", 1)
    await nothing_differs(books, account)
    for name in keys_of(account, "spent"):
        await books.add(name, "s", -1_000)
    await books.add(day, "t", -3)
    async with books.database.transaction() as connection:
        ((_, listed),) = await store.limited(connection, "account")
    assert listed == account
    outcome = await reconcile(*books.stores, [listed])
    assert len(outcome.raised) == len(outcome.found) == 4 + 1
    await nothing_differs(books, account)


async def test_what_redis_has_more_stays_and_is_remembered_unless_it_is_asked_for(books):
    key = await books.key(Policy(budgets=(Budget("total", "100"),)))
    await books.use(key)
    await books.post()
    (name,) = keys_of(key, "spent")
    counted = await books.counted(name)
    await books.add(name, "s", 2_000_000_000)
    for _ in range(2):
        outcome = await reconcile(*books.stores, [key])
        assert [drift.figure for drift in outcome.left] == ["spent"]
        assert outcome.raised == outcome.lowered == []
    async with books.database.transaction() as connection:
        (known,) = await store.drifts(connection, 10)
        sums = await store.drift_sums(connection)
    assert (known.counter, known.scope, known.period) == (name, key.scope, "total")
    assert known.first_seen_at < known.seen_at
    assert (sums.under_usd, sums.counters) == (0, 1)
    assert sums.over_usd == pytest.approx(2, abs=1e-6)
    outcome = await reconcile(*books.stores, [key], lower=True)
    assert [drift.difference for drift in outcome.lowered] == [2_000_000_000]
    assert await books.counted(name) == counted
    async with books.database.transaction() as connection:
        assert await store.drifts(connection, 10) == []


async def test_a_reservation_without_a_lease_is_given_back(books):
    key = await books.key(Policy(budgets=(Budget("total", "100"),)))
    record = books.record(key)
    await books.admit(key, record)
    await books.commands.call("DEL", f"{PREFIX}:lease:{record.id}")
    (name,) = keys_of(key, "spent")
    outcome = await reconcile(*books.stores, [key])
    assert [drift.figure for drift in outcome.lowered] == ["reserved"]
    assert (await books.counted(name))["r"] == 0


async def test_twice_settled_twice_sent_and_garbage_are_seen_as_the_ledger_will(books):
    key = await books.key(POLICY)
    record = await books.use(key)
    for raw in (encode(record), b"garbage"):
        await books.commands.call("XADD", f"{PREFIX}:outbox", "*", "r", raw)
    await nothing_differs(books, key)
    await books.post()
    await nothing_differs(books, key)


async def test_a_late_adjustment_falls_on_the_period_of_what_it_adjusts(books):
    """The relay fell silent before midnight; what it settles later changes nothing of today."""
    key = await books.key(POLICY)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    record = books.record(key, at=yesterday)
    rules = await books.admit(key, record, now_ms=now_ms() - LEASE_MS - 1_000)
    admission = Admission(books.commands, PREFIX)
    assert await admission.expire(10) == 1
    assert isinstance(await books.settle(record, rules), SettledLate)
    difference = make_adjustment(
        record,
        id=new_ulid(ulid_time_ms(record.id)),
        key_id=record.key_id,
        cost_usd="0.001000000000",
    )
    await admission.adjust(record.id, encode(difference), use=use_of(record))
    today = [one for one in counters_of([key], now_ms()) if one.span.id.startswith("day")]
    for one in today:
        assert (await books.counted(one.key)).get("s", 0) == 0
    await books.post()
    looked = await reconcile(*books.stores, [key], lower=True)
    assert [one.counter.span.id for one in looked.found if "day" in one.counter.span.id] == []


async def test_a_raised_counter_ends_a_look_that_is_under_way(books):
    key = await books.key(POLICY)
    token = new_ulid()
    assert await cut.hold(books.commands, PREFIX, token)
    counters = counters_of([key], now_ms())
    await cut.read(books.commands, PREFIX, token, counters)
    await raise_counter(books.commands, PREFIX, Count(counters[0].key, "s", 5, 0))
    with pytest.raises(cut.CutLost):
        await cut.read(books.commands, PREFIX, token, counters)
    with pytest.raises(cut.CutLost):
        await cut.keep(books.commands, PREFIX, token)


async def test_one_at_a_time_and_no_trace_is_left(books):
    key = await books.key(POLICY)
    token = new_ulid()
    assert await cut.hold(books.commands, PREFIX, token)
    await books.use(key)
    await books.post()
    assert await books.commands.call("HLEN", f"{PREFIX}:reconcile-posted") == 1
    with pytest.raises(CutBusy):
        await reconcile(*books.stores, [key])
    await cut.release(books.commands, PREFIX, token)
    await nothing_differs(books, key)
    assert await books.commands.call("KEYS", f"{PREFIX}:*reconcile*") == []
    await books.use(key)
    await books.post()
    assert await books.commands.call("KEYS", f"{PREFIX}:*reconcile*") == []


async def test_an_outbox_that_is_too_deep_is_not_looked_at(books, monkeypatch):
    monkeypatch.setattr(cut, "ENTRIES_MAX", 2)
    key = await books.key(POLICY)
    for _ in range(3):
        await books.use(key)
    with pytest.raises(cut.OutboxTooDeep):
        await reconcile(*books.stores, [key])
    await books.post()
    await nothing_differs(books, key)


async def test_what_moves_between_the_steps_of_a_look_is_taken_for_what_it_is(books, monkeypatch):
    """Settled after the cut and in the ledger's snapshot; settled before it and posted after."""
    read, sums = cut.read, store.sums
    key = await books.key(POLICY)
    looks = 0

    async def read_then_move(*arguments):
        nonlocal looks
        looks += 1
        made = await read(*arguments)
        await books.use(key)
        await books.post()
        return made

    async def sum_then_move(*arguments):
        found = await sums(*arguments)
        await books.post()
        await books.use(key)
        await books.post()
        await books.use(key)
        return found

    monkeypatch.setattr(cut, "read", read_then_move)
    monkeypatch.setattr(store, "sums", sum_then_move)
    for _ in range(2):
        await books.use(key)
    for _ in range(3):
        await nothing_differs(books, key)
    assert looks == 3


async def test_under_load_no_look_sees_a_drift_but_the_one_that_is_there(books, monkeypatch):
    """Requests, deaths, late settles, four posters, events twice; looks all the while."""
    monkeypatch.setattr(reconciliation, "TRIES_MAX", 50)
    keys = [await books.key(POLICY), await books.key(ELSEWHERE)]
    whole = Applied("organisation", ORGANISATION, Policy(budgets=BUDGETS))
    over = asyncio.Event()

    async def requests(key):
        for number in range(25):
            record = books.record(key)
            dies = number % 7 == 3
            at_ms = now_ms() - LEASE_MS + 30 if dies else 0
            rules = await books.admit(key, record, now_ms=at_ms)
            await asyncio.sleep(books.chance.random() / 100)
            if not dies:
                await books.settle(record, rules)

    async def posters():
        while not over.is_set():
            entries = await books.outbox.read(7)
            arrivals = [arrival_from_outbox(entry) for entry in entries]
            if arrivals:
                await post(books.database, books.outbox, arrivals)
            await Admission(books.commands, PREFIX).expire(3)
            await asyncio.sleep(books.chance.random() / 50)

    async def looks():
        seen = 0
        while not over.is_set():
            outcome = await reconcile(*books.stores, keys, lower=True)
            assert outcome.found == []
            seen += 1
        return seen

    async def one_is_wrong(seen):
        """In the middle of it: exactly this is found and repaired."""
        name = keys_of(keys[0], "spent")[0]
        await books.add(name, "s", -1_000_000)
        outcome = await reconcile(*books.stores, keys, lower=True)
        assert [drift.counter.key for drift in outcome.raised] == [name]
        assert -1_000_000 <= outcome.raised[0].difference <= -1_000_000 + seen

    posting = [asyncio.create_task(posters()) for _ in range(4)]
    calling = [asyncio.create_task(requests(key)) for key in keys for _ in range(3)]
    looking = asyncio.create_task(looks())
    await asyncio.gather(*calling)
    calling = [asyncio.create_task(requests(key)) for key in keys]
    over.set()
    assert await looking >= 2
    over.clear()
    posting += [asyncio.create_task(posters()) for _ in range(2)]
    await one_is_wrong(seen=200)
    await asyncio.gather(*calling)
    over.set()
    await asyncio.gather(*posting)
    await Admission(books.commands, PREFIX).expire(1_000)
    await nothing_differs(books, *keys)
    await books.post()
    await nothing_differs(books, *keys)
    # The organisation had no budget until now: what was spent is raised at once, to the nano.
    outcome = await reconcile(*books.stores, [whole])
    assert {drift.figure for drift in outcome.raised} == {"spent"}
    await nothing_differs(books, whole)
