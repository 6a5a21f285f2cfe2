"""One budget that many callers of several relays share: never overshot, and used to the end."""

import asyncio
import contextlib
import random
from collections import Counter

import httpx
import pytest

from common.domain.money import pico_from_usd, usd_text
from common.domain.policies import Budget, Policy
from tests.support.relay_process import CHAT, RelayProcess, ask, eventually

# So long a caller waits when money is only reserved.
PAUSE_S = 0.05


def body_of(number: int, capped: bool) -> dict:
    """A request of a random length; every third is streamed."""
    chance = random.Random(number)
    words = chance.randint(20, 400)
    cap = {"max_tokens": words + chance.randint(0, 300)} if capped else {}
    text = f"{number} [[echo words={words}]]"
    return ask("openai", text, stream=number % 3 == 0, **cap)


async def spend(urls: list[str], key: str, count: int, at_once: int, capped: bool) -> Counter:
    """Send so many requests; one that finds the money reserved comes again. What came of all."""
    seen: Counter = Counter()
    numbers = iter(range(count))

    async def caller(client: httpx.AsyncClient, url: str) -> None:
        for number in numbers:
            while True:
                answer = await client.post(url + CHAT, json=body_of(number, capped))
                if answer.status_code == 200:
                    seen["ok"] += 1
                    break
                code = answer.json()["error"]["code"]
                seen[code] += 1
                if code != "budget_reserved":
                    break
                await asyncio.sleep(PAUSE_S)

    async with contextlib.AsyncExitStack() as stack:
        headers = {"authorization": f"Bearer {key}"}
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(headers=headers, timeout=60, trust_env=False)
            )
            for _ in urls
        ]
        await asyncio.gather(
            *(caller(clients[n % len(urls)], urls[n % len(urls)]) for n in range(at_once))
        )
    return seen


def check_budget(tmp_path, store, provider, *, relays, usd, count, at_once, capped):
    with contextlib.ExitStack() as stack:
        processes = []
        for number in range(relays):
            directory = tmp_path / str(number)
            directory.mkdir()
            process = RelayProcess(directory, store, provider.url)
            processes.append(stack.enter_context(process))
        first = processes[0]
        first.reset()
        # Half the callers' money limits come from the organisation, half from the key itself.
        budgets = (Budget("total", usd, "clamp"),)
        key = first.project_key(policy=Policy(budgets=budgets))
        first.project_policy("organisation", Policy(budgets=(Budget("month", "1000", "deny"),)))
        urls = [process.url for process in processes]
        seen = asyncio.run(spend(urls, key, count, at_once, capped))
        eventually(lambda: first.open_leases() == (0, 0))
        eventually(lambda: len(first.records()) == seen["ok"])
        records = first.records()
    settled = sum(pico_from_usd(record.cost_usd) for record in records)
    used = settled / pico_from_usd(usd)
    print(  # noqa: T201 - the figure that the acceptance asks for
        f"\n{count} requests, {at_once} at once, {relays} relays, "
        f"{'with' if capped else 'without'} caps: ${usd_text(settled)} of ${usd} ({used:.3%}), "
        f"{dict(seen)}"
    )
    assert len({record.id for record in records}) == seen["ok"]
    assert seen["insufficient_quota"] > 0
    assert settled <= pico_from_usd(usd)
    assert used >= 0.99
    assert set(seen) <= {"ok", "budget_reserved", "insufficient_quota"}


@pytest.mark.parametrize(
    "capped",
    [
        pytest.param(True, id="with caps"),
        pytest.param(False, id="without caps", marks=pytest.mark.soak),
    ],
)
def test_a_shared_budget_is_used_and_not_overshot(tmp_path, redis_server, echo, capped):
    check_budget(
        tmp_path, redis_server, echo, relays=2, usd="0.04", count=600, at_once=40, capped=capped
    )


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("capped", [True, False], ids=["with caps", "without caps"])
def test_a_dollar_is_used_and_not_overshot(tmp_path, redis_server, echo, capped):
    check_budget(
        tmp_path, redis_server, echo, relays=4, usd="1", count=10_000, at_once=200, capped=capped
    )
