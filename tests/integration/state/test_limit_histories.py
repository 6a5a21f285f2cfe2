"""Limits and budgets on a real Redis: a state machine of callers, crashes, moves and jobs."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from common.domain.admission import (
    Admitted,
    Draft,
    Moved,
    SettledLate,
    Use,
)
from common.domain.jobs import Job
from common.domain.limits import compile_rules
from common.domain.policies import (
    Applied,
    Budget,
    Limits,
    Policy,
    Window,
)
from common.state.admission import LEASE_MS
from common.state.jobs import Jobs
from tests.support.limited_world import (
    KEY,
    PREFIX,
    START_MS,
    TEAM,
    USER,
    World,
    candidate,
    money,
)
from tests.support.usage_records import make_record

PERIODS = {"organisation": "total", TEAM: "month", USER: "day", KEY: "week"}
AMOUNTS = (8_000, 9_000, 10_000, 30_000)


def levels(amounts: tuple[int, ...], window_nano: int) -> list[Applied]:
    """Limits of all kinds on four levels; which of the budgets binds depends on the amounts."""
    organisation, team, user, key = (f"{amount / 10**9:.9f}" for amount in amounts)
    window = Window(5, usd=f"{window_nano / 10**9:.9f}")
    soft = Budget("day", "0.000001", "soft")
    policies = (
        Policy(budgets=(Budget("total", organisation, "deny"),)),
        Policy(Limits(concurrency=4, tokens_per_day=9000), (Budget("month", team, "clamp"),)),
        Policy(Limits(requests_per_minute=40), (Budget("day", user, "clamp"), soft)),
        Policy(Limits(tokens_per_minute=3000, window=window), (Budget("week", key, "deny"),)),
    )
    names = ("organisation", "team", "user", "key")
    return [
        Applied(level, scope, policy)
        for level, scope, policy in zip(names, PERIODS, policies, strict=True)
    ]


# Limits of the accounts themselves, of which either may be the tighter one.
ACCOUNTS = ("a", "b")


def account_rules(account: str, amount: int) -> bytes:
    budget = Budget("total", f"{amount / 10**9:.9f}", "deny")
    policy = Policy(Limits(requests_per_minute=15, tokens_per_minute=2500), (budget,))
    return compile_rules([Applied("account", f"account:{account}", policy)], START_MS).packed


class Histories(RuleBasedStateMachine):
    """Callers with random costs, failures, moves, crashes and late settles, against a model."""

    url = ""
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(self.url)
        self.run(self.world.prepare())
        self.sequence = 0
        # What open requests hold: tokens, nano, the draft's nano, attempt, the lease's end.
        self.open: dict[str, dict[str, Any]] = {}
        self.dead: dict[str, tuple[int, str]] = {}
        self.spent = 0
        # What accounts have spent; an attempt that failed is on none (``).
        self.spent_on: Counter[str] = Counter()
        self.most: dict[str, int] = {}

    def teardown(self) -> None:
        for request_id in list(self.open):
            self.run(self.world.admission.settle(request_id, b"record"))
        for scope, period in PERIODS.items():
            assert self.run(self.world.hash(money(period, scope))).get("r", 0) == 0
        for account in ACCOUNTS:
            sums = self.run(self.world.hash(money("total", f"account:{account}")))
            assert sums.get("r", 0) == 0
        assert self.run(self.world.hash("inflight")) == {}
        self.run(self.world.commands.close())
        self.loop.close()

    def run(self, work):
        return self.loop.run_until_complete(work)

    def forget_expired(self) -> None:
        for request_id in [r for r, held in self.open.items() if held["end"] <= self.world.now_ms]:
            held = self.open.pop(request_id)
            self.dead[request_id] = held["draft"], held["account"]
            self.spent += held["draft"]
            self.spent_on[held["account"]] += held["draft"]

    @initialize(
        amounts=st.permutations(AMOUNTS),
        window_nano=st.sampled_from((7_000, 50_000)),
        on_accounts=st.permutations((4_000, 40_000)),
    )
    def begin(self, amounts, window_nano, on_accounts) -> None:
        self.most_on = dict(zip(ACCOUNTS, on_accounts, strict=True))
        self.account_rules = {
            account: account_rules(account, most) for account, most in self.most_on.items()
        }
        self.world.now_ms = START_MS
        self.rules = compile_rules(levels(amounts, window_nano), START_MS)
        self.most = dict(zip(PERIODS, amounts, strict=True))

    @rule(
        target=requests,
        input_nano=st.integers(0, 3000),
        output_nano=st.integers(0, 20),
        wanted=st.integers(1, 300),
        tokens=st.integers(1, 900),
        share=st.floats(0, 1),
    )
    def admit(self, input_nano, output_nano, wanted, tokens, share):
        self.run(self.world.admission.expire(1000))
        self.forget_expired()
        self.sequence += 1
        request_id = f"r{self.sequence}"
        least = min(16, wanted)
        draft = int(share * (input_nano + output_nano * least))
        both = [
            candidate(
                input_nano, output_nano, wanted, least, draft=(tokens, draft), account=account,
                rules=self.account_rules[account],
            )
            for account in ACCOUNTS
        ]  # fmt: skip
        before = self.run(self.world.everything())
        answer = self.run(self.world.admit(request_id, self.rules, *both, tokens=tokens))
        if isinstance(answer, Admitted):
            assert least <= answer.cap <= wanted
            again = self.run(self.world.admit(request_id, self.rules, *both, tokens=tokens))
            assert (again.index, again.cap) == (answer.index, answer.cap)
            self.open[request_id] = {
                "tokens": tokens, "nano": input_nano + output_nano * answer.cap, "draft": draft,
                "draft_tokens": tokens, "attempt": 1, "end": self.world.now_ms + LEASE_MS,
                "account": ACCOUNTS[answer.index],
            }  # fmt: skip
        else:
            assert answer.reason in ("rate", "reserved", "exhausted", "account_limited")
            assert self.run(self.world.everything()) == before
            if answer.reason == "reserved":
                assert self.open
        return request_id

    @rule(
        request_id=requests,
        input_nano=st.integers(0, 6000),
        output_nano=st.integers(0, 40),
        to=st.sampled_from(ACCOUNTS),
    )
    def move(self, request_id, input_nano, output_nano, to):
        held = self.open.get(request_id)
        if held is None or "job" in held:
            return
        held["attempt"] += 1
        one = candidate(
            input_nano, output_nano, 100, 16, account=to, draft=(1, 0), rules=self.account_rules[to]
        )
        answer = self.run(self.world.admission.move(request_id, held["attempt"], [one]))
        again = self.run(self.world.admission.move(request_id, held["attempt"], [one]))
        held["end"] = self.world.now_ms + LEASE_MS
        if isinstance(answer, Moved):
            assert again == answer
            held |= {"nano": input_nano + output_nano * answer.cap, "draft": 0, "draft_tokens": 1}
            held["account"] = to
        else:
            assert (again.reason, again.retry_after_ms) == (answer.reason, answer.retry_after_ms)
            held |= {"nano": held["draft"], "account": ""}

    @rule(request_id=requests, share=st.floats(0, 1))
    def renew(self, request_id, share):
        held = self.open.get(request_id)
        if held is not None:
            held["draft"] = int(held["nano"] * share)
            held["end"] = max(held["end"], self.world.now_ms + LEASE_MS)
            draft = Draft(b"draft", held["draft_tokens"], held["draft"])
            assert self.run(self.world.admission.renew({request_id: draft})) == []

    @rule(request_id=requests, share=st.floats(0, 1), leases=st.integers(2, 5))
    def entrust(self, request_id, share, leases):
        """The request goes on as a job, longer than any relay's lease."""
        held = self.open.get(request_id)
        if held is None or not held["nano"] or "job" in held:
            return
        held |= {"job": 1, "draft": int(held["nano"] * share)}
        held["end"] = self.world.now_ms + leases * LEASE_MS
        job = Job("response", "resp", held["end"], make_record(id=request_id))
        draft = Draft(b"draft", held["draft_tokens"], held["draft"])
        for _ in range(2):
            jobs = Jobs(self.world.commands, PREFIX, self.world.now_ms)
            assert self.run(jobs.entrust(job, draft, 1000)) == "entrusted"

    @rule(
        request_id=consumes(requests),
        share=st.floats(0, 1),
        tokens=st.integers(0, 900),
        times=st.integers(1, 3),
    )
    def settle(self, request_id, share, tokens, times):
        held = self.open.pop(request_id, None)
        dead = self.dead.pop(request_id, None)
        if held is None and dead is None:
            return
        charged, account = dead or (0, held["account"])
        nano = int((held["nano"] if held else charged) * share)
        use = Use(tokens, nano)
        for _ in range(times):
            answer = self.run(
                self.world.admission.settle(
                    request_id,
                    b"record",
                    use=use,
                    rules=self.rules.packed,
                    append_unleased=held is not None and "job" not in held,
                )
            )
            if isinstance(answer, SettledLate):
                assert held is None
                self.run(self.world.admission.adjust(request_id, b"difference", use=use))
        self.spent += nano - charged
        self.spent_on[account] += nano - charged

    @rule(step_ms=st.sampled_from((1, 1_000, 5_000, LEASE_MS)))
    def time_passes(self, step_ms):
        self.world.now_ms += step_ms

    @rule()
    def expire(self):
        self.run(self.world.admission.expire(1000))
        self.forget_expired()

    @invariant()
    def no_level_is_overshot_and_every_counter_is_right(self):
        reserved = sum(held["nano"] for held in self.open.values())
        for scope, most in self.most.items():
            sums = self.run(self.world.hash(money(PERIODS[scope], scope)))
            assert (sums.get("s", 0), sums.get("r", 0)) == (self.spent, reserved)
            assert self.spent + reserved <= most

    @invariant()
    def no_account_is_overshot(self):
        for account in ACCOUNTS:
            held = [one for one in self.open.values() if one["account"] == account]
            sums = self.run(self.world.hash(money("total", f"account:{account}")))
            reserved = sum(one["nano"] for one in held)
            assert (sums.get("s", 0), sums.get("r", 0)) == (self.spent_on[account], reserved)
            assert self.spent_on[account] + reserved <= self.most_on[account]

    @invariant()
    def concurrency_is_the_open_requests_that_are_no_jobs(self):
        inflight = Counter(self.run(self.world.hash("inflight")))
        on_accounts = sum("job" not in held for held in self.open.values())
        assert inflight[TEAM] == on_accounts <= 4


@pytest.mark.timeout(900)
def test_no_history_overshoots_any_level(admission_url):
    Histories.url = admission_url
    run_state_machine_as_test(
        Histories,
        settings=settings(
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class Plan(NamedTuple):
    """What a caller will do: its worst case, the share of it that it uses, and how it ends."""

    input_nano: int
    output_nano: int
    wanted: int
    share: float
    ending: str


PLANS = st.builds(
    Plan,
    st.integers(0, 3000),
    st.integers(0, 20),
    st.integers(1, 300),
    st.floats(0, 1),
    st.sampled_from(("settle", "settle twice", "fail", "move", "crash")),
)


@pytest.mark.timeout(900)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(plans=st.lists(PLANS, min_size=20, max_size=60))
def test_callers_at_once_never_overshoot(admission_url, plans):
    """Three relays' connections, all callers at once, each level watched all the while."""
    asyncio.run(_run_at_once(admission_url, plans))


async def _run_at_once(url: str, plans: list[Plan]) -> None:
    amounts = (9_000, 10_000, 8_000, 30_000)
    rules = compile_rules(levels(amounts, 50_000), START_MS)
    worlds = [World(url) for _ in range(3)]
    await worlds[0].prepare()
    done = asyncio.Event()

    async def caller(number: int, plan: Plan) -> int:
        """Nano-USD that it is charged."""
        world, request_id = worlds[number % len(worlds)], f"r{number}"
        least = min(16, plan.wanted)
        draft = int(plan.share * (plan.input_nano + plan.output_nano * least))
        one = candidate(plan.input_nano, plan.output_nano, plan.wanted, least, draft=(1, draft))
        for _ in range(5):
            answer = await world.admit(request_id, rules, one)
            if isinstance(answer, Admitted):
                break
        else:
            return 0
        if plan.ending == "crash":
            return draft
        nano = plan.input_nano + plan.output_nano * answer.cap
        if plan.ending == "move":
            other = candidate(2 * plan.input_nano, plan.output_nano, 100, least, account="b")
            moved = await world.admission.move(request_id, 2, [other])
            cap = moved.cap if isinstance(moved, Moved) else None
            nano = 0 if cap is None else 2 * plan.input_nano + plan.output_nano * cap
        use = Use(1, 0 if plan.ending == "fail" else int(nano * plan.share))
        for _ in range(2 if plan.ending == "settle twice" else 1):
            await world.admission.settle(request_id, b"record", use=use, rules=rules.packed)
        return use.nano

    async def watch() -> None:
        while not done.is_set():
            for (scope, period), most in zip(PERIODS.items(), amounts, strict=True):
                sums = await worlds[0].hash(money(period, scope))
                assert sums.get("s", 0) + sums.get("r", 0) <= most
            assert (await worlds[0].hash("inflight")).get(TEAM, 0) <= 4

    watching = asyncio.create_task(watch())
    charged = sum(await asyncio.gather(*(caller(*one) for one in enumerate(plans))))
    done.set()
    await watching
    worlds[0].now_ms += LEASE_MS
    await worlds[0].admission.expire(1000)
    for scope, period in PERIODS.items():
        sums = await worlds[0].hash(money(period, scope))
        assert (sums.get("s", 0), sums.get("r", 0)) == (charged, 0)
    assert await worlds[0].hash("inflight") == {}
    assert await worlds[0].admission.open_leases() == 0
    for world in worlds:
        await world.commands.close()
