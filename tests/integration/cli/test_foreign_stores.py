"""Stores of the user's own: what `relayctl dev` says of one that will not do, before ready."""

import pytest

from cli.dev import foreign_stores
from cli.dev.errors import CannotStart
from cli.dev.foreign_stores import check_foreign_stores, check_postgres, check_redis
from tests.support.redis_servers import TunedRedis

NOBODY = "127.0.0.1:1"


async def refused(check, url):
    """The sentence, which has the fix and no password."""
    with pytest.raises(CannotStart) as raised:
        await check(url)
    sentence = str(raised.value)
    assert "secret" not in sentence
    assert "or leave it out to use the one that `relayctl dev` brings along" in sentence
    return sentence


async def test_good_ones_need_no_word(postgres_url, redis_url):
    assert await check_foreign_stores(postgres_url, redis_url) == []
    assert await check_foreign_stores("", "") == []


async def test_one_that_is_away_is_named_with_its_place(postgres_url, redis_url):
    said = await refused(check_redis, f"redis://:secret@{NOBODY}/0")
    assert f"RELAY_REDIS_URL ({NOBODY}/0) cannot be reached" in said
    said = await refused(check_postgres, f"postgresql://relay:secret@{NOBODY}/relay")
    assert f"RELAY_DATABASE_URL ({NOBODY}/relay) cannot be used" in said
    with pytest.raises(CannotStart, match="RELAY_REDIS_URL"):
        await check_foreign_stores(postgres_url, f"redis://{NOBODY}")


@pytest.mark.parametrize("user", [":secret", "nobody:secret", ""])
async def test_a_wrong_password_is_named(redis_url, user):
    place = redis_url.rpartition("@")[2]
    said = await refused(check_redis, f"redis://{user}{'@' if user else ''}{place}")
    assert "the URL has the right user and password" in said or "password" in said


@pytest.mark.parametrize(
    ("check", "url", "name"),
    [
        (check_redis, "secret:6379", "must begin with redis://"),
        (check_redis, "http://secret@x", "must begin with redis://"),
        (check_postgres, "host=x password=secret", "RELAY_DATABASE_URL must begin with postgresql"),
        (check_postgres, "postgresql://u:secret@x:port/y", "RELAY_DATABASE_URL"),
    ],
)
async def test_what_is_no_address_is_not_repeated(check, url, name):
    assert name in await refused(check, url)


async def test_too_old_a_version_is_named(postgres_url, redis_url, monkeypatch):
    monkeypatch.setattr(foreign_stores, "REDIS_VERSION_MIN", (99, 1))
    assert "Relay needs 99.1 or later" in await refused(check_redis, redis_url)
    monkeypatch.setattr(foreign_stores, "POSTGRES_VERSION_MIN", 99)
    assert "Relay needs 99 or later" in await refused(check_postgres, postgres_url)


async def test_one_that_evicts_is_warned_of_with_what_will_be_lost(tmp_path):
    server = TunedRedis(tmp_path, "--maxmemory-policy", "allkeys-lru")
    server.start()
    try:
        (warning,) = await check_foreign_stores("", server.url)
    finally:
        server.stop()
    assert "maxmemory-policy allkeys-lru" in warning
    assert "usage that is not in the ledger yet" in warning
    assert "config set maxmemory-policy noeviction" in warning


async def test_a_replica_is_refused(redis_url, tmp_path):
    server = TunedRedis(tmp_path, "--replicaof", "127.0.0.1", "1")
    server.start()
    try:
        assert "is a replica" in await refused(check_redis, server.url)
    finally:
        server.stop()
