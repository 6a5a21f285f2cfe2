"""What takes rights away holds on the next request, in whichever process it comes."""

import asyncio
import contextlib

import httpx
import pytest

from common.domain.keys import KeyRecord, hash_key
from common.domain.policies import Limits, Policy
from common.identifiers import new_ulid
from common.state.client import RedisPyCommands
from common.state.projection import put_key, put_policy
from tests.support.relay_process import CHAT, PREFIX, RelayProcess, ask

STRICT = Policy(Limits(requests_per_day=1))


async def one_trial(commands, clients, number: int) -> int:
    """How many of the next requests, one in each process, were served all the same.

    Each process has served the key before, so that each has a snapshot of it. By turns the key is
    revoked, it is disabled, its own limit is lowered, its user's is.
    """
    secret, user = f"cr_trial_{number}", f"user-{number}"
    version = 10 * number + 1
    record = KeyRecord(id=new_ulid(), user_id=user, version=version)
    await put_key(commands, PREFIX, hash_key(secret), record, "active", None)
    headers = {"authorization": f"Bearer {secret}"}

    async def statuses() -> list[int]:
        calls = (client.post(CHAT, json=ask("openai"), headers=headers) for client in clients)
        return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert await statuses() == [200] * len(clients)
    kind = number % 4
    later = KeyRecord(
        id=record.id,
        user_id=user,
        version=version + 1,
        policy=STRICT if kind == 2 else Policy(),
    )
    if kind == 3:
        await put_policy(commands, PREFIX, f"user:{user}", version + 1, STRICT)
    else:
        status = ("revoked", "disabled", "active")[kind]
        await put_key(commands, PREFIX, hash_key(secret), later, status, None)
    # The key's first day with a limit begins with none counted: one request is left to all.
    allowed = 1 if kind >= 2 else 0
    found = await statuses()
    assert set(found) <= {200, 401, 403, 429}
    return max(0, found.count(200) - allowed)


async def run_trials(url: str, urls: list[str], trials: int, at_once: int) -> int:
    commands = RedisPyCommands.from_url(url)
    numbers = iter(range(trials))
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=one, timeout=60, trust_env=False)
            )
            for one in urls
        ]

        async def worker() -> int:
            return sum([await one_trial(commands, clients, number) for number in numbers])

        late = sum(await asyncio.gather(*(worker() for _ in range(at_once))))
    await commands.close()
    return late


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("relays", "trials"), [(2, 24), pytest.param(4, 1000, marks=pytest.mark.soak)]
)
def test_nothing_taken_away_is_served_once_more(tmp_path, redis_server, echo, relays, trials):
    with contextlib.ExitStack() as stack:
        processes = []
        for number in range(relays):
            directory = tmp_path / str(number)
            directory.mkdir()
            process = RelayProcess(directory, redis_server, echo.url)
            processes.append(stack.enter_context(process))
        processes[0].reset()
        urls = [process.url for process in processes]
        late = asyncio.run(run_trials(redis_server.url, urls, trials, at_once=8))
    print(  # noqa: T201 - the figure that the acceptance asks for
        f"\n{trials} revocations and lowered limits, {relays} relays, "
        f"{relays * trials} next requests: {late} late"
    )
    assert late == 0
