"""Kept answers: shown by tenant, forgotten by team, by key and all together."""

import asyncio

import pytest

from common.identifiers import new_ulid, now_ms
from common.keyring import Keyring
from common.state.client import RedisPyCommands
from common.state.response_cache import Entry, ResponseCache
from tests.support.admin_checks import fields, trail
from tests.support.processes import INTERNAL_SECRET

PATH = "/internal/response-cache"
EMPTY = {"items": [], "total": {"entries": 0, "bytes": 0}}
ROOMY = 10**6


def keep(key_admin, *made, most=ROOMY):
    """Keep an answer for each (tenant, key id, what was asked)."""

    async def work():
        commands = RedisPyCommands.from_url(key_admin.redis_url)
        cache = ResponseCache(commands, "{relay}", Keyring([], INTERNAL_SECRET), INTERNAL_SECRET)
        for tenant, key_id, asked in made:
            place, entry = cache.place_of(tenant, [asked]), Entry(now_ms(), b"x" * 1000)
            await cache.put(place, entry, token="t", key_id=key_id, ttl_s=60, tenant_bytes_max=most)
        await commands.close()

    asyncio.run(work())


def test_answers_are_shown_and_forgotten(key_admin):
    team, other, key_id, another = (new_ulid() for _ in range(4))
    made = [(team, key_id, 1), (team, key_id, 2), (team, another, 3), (other, key_id, 1)]
    assert key_admin.call("GET", PATH).json() == EMPTY
    keep(key_admin, *made)
    shown = key_admin.call("GET", PATH).json()
    assert [(one["tenant"], one["entries"]) for one in shown["items"]] == [(team, 3), (other, 1)]
    assert shown["total"]["bytes"] == sum(one["bytes"] for one in shown["items"]) > 4000

    gone = key_admin.call("DELETE", f"{PATH}?key_id={key_id}")
    assert (gone.status_code, gone.json()["entries"]) == (200, 3)
    ((action, _, after),) = trail(key_admin, key_id)
    assert action == "response_cache.purge"
    assert (after["of"], after["entries"]) == ("key_id", 3)
    assert [one["tenant"] for one in key_admin.call("GET", PATH).json()["items"]] == [team]

    assert key_admin.call("DELETE", f"{PATH}?team_id={other}").json() == EMPTY["total"]
    assert key_admin.call("DELETE", f"{PATH}?team_id={team}").json()["entries"] == 1
    keep(key_admin, *made)
    assert key_admin.call("DELETE", f"{PATH}?all=true").json()["entries"] == 4
    assert key_admin.call("GET", PATH).json() == EMPTY


def test_bytes_stay_right_when_answers_are_replaced_and_pushed_out(key_admin):
    team, key_id = new_ulid(), new_ulid()
    for most in (3 * 1500, 2 * 1500):
        keep(key_admin, *[(team, key_id, number % 4) for number in range(10)], most=most)
        (shown,) = key_admin.call("GET", PATH).json()["items"]
        assert (shown["entries"], shown["bytes"] <= most) == (most // 1500, True)
    assert key_admin.call("DELETE", f"{PATH}?team_id={team}").json() == {
        "entries": shown["entries"],
        "bytes": shown["bytes"],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "query"),
        ("all=false", "query"),
        ("all=true&team_id=01M8BNSV2A4PTWKRCEVQ4M3Q89", "query"),
        ("team_id=x", "team_id"),
        ("user_id=x", "user_id"),
    ],
)
def test_whose_must_be_said(key_admin, query, field):
    assert fields(key_admin.call("DELETE", f"{PATH}?{query}")) == [field]
