"""Both Redis clients on a real Cluster and on a primary that real Sentinels watch."""

import asyncio
import ssl
from urllib.parse import urlsplit

import pytest

from cli.doctor.redis import examine_redis
from common.domain.admission import Admitted, Candidate
from common.domain.keys import KeyRecord, hash_key
from common.domain.usage import encode
from common.identifiers import now_ms
from common.state.admission import LEASE_MS, Admission, Snapshot
from common.state.client import RedisPyCommands
from common.state.commands import RedisReplyError, RedisUnavailable, Script
from common.state.connection import MultiplexedConnection
from common.state.outbox import Outbox
from common.state.projection import put_key, set_epoch
from tests.support.redis_servers import proxied, self_signed
from tests.support.redis_topologies import PASSWORD, Cluster, Sentinels, until
from tests.support.usage_records import make_record

PREFIX = "{relay:one}"
KEY = f"{PREFIX}:n"
COUNT = Script("count", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
AGAIN_S_MAX = 40.0

both = pytest.mark.parametrize("kind", [MultiplexedConnection, RedisPyCommands])


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "cluster", PREFIX) as cluster:
        yield cluster


@pytest.fixture
def sentinels(tmp_path):
    with Sentinels(tmp_path / "sentinels") as sentinels:
        yield sentinels


@pytest.fixture(scope="module")
def lasting_cluster(tmp_path_factory):
    """One for tests that leave it as it is."""
    with Cluster(tmp_path_factory.mktemp("cluster") / "nodes", PREFIX) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def lasting_sentinels(tmp_path_factory):
    """As `lasting_cluster`."""
    with Sentinels(tmp_path_factory.mktemp("sentinels") / "nodes") as sentinels:
        yield sentinels


def made(kind, url):
    return kind.from_url(url, timeout_ms=10_000, connect_timeout_ms=5_000)


async def until_answered(commands, *command):
    """The first answer; meanwhile nothing but `RedisUnavailable` may come."""
    async with asyncio.timeout(AGAIN_S_MAX):
        while True:
            try:
                return await commands.call(*command)
            except RedisUnavailable:
                await asyncio.sleep(0.1)


async def until_unavailable(commands, *command):
    async with asyncio.timeout(AGAIN_S_MAX):
        while True:
            try:
                await commands.call(*command)
            except RedisUnavailable as error:
                return str(error)
            await asyncio.sleep(0.05)


async def admit_and_expire(commands):
    """All of admission: what a request does, and what is left of one that died."""
    for key in ("leases", "outbox", "n"):
        await commands.call("DEL", f"{PREFIX}:{key}")
    draft = make_record()
    key_hash = hash_key("cr_x")
    key = KeyRecord(id=draft.key_id, user_id=draft.user_id, version=1)
    await put_key(commands, PREFIX, key_hash, key, "active", None)
    await set_epoch(commands, PREFIX, "01EPOCH")
    admission = Admission(commands, PREFIX, now_ms() - LEASE_MS - 1_000)
    candidates = [Candidate(draft.account_id, 0, encode(draft))]
    snapshot = Snapshot(key_hash, "1 0 0 0 0 0", 0)
    admitted = await admission.admit(draft.id, snapshot, candidates, address="10.0.0.1")
    assert admitted == Admitted(0)
    assert await admission.open_leases() == 1
    assert await Admission(commands, PREFIX).expire(10) == 1
    depth, _ = await Outbox(commands, PREFIX).depth()
    assert depth == 1


@both
async def test_a_cluster_takes_all_of_admission(lasting_cluster, kind):
    commands = made(kind, lasting_cluster.url)
    await admit_and_expire(commands)
    counts = [commands.script(COUNT, [KEY], [1]) for _ in range(200)]
    assert sorted(await asyncio.gather(*counts)) == list(range(1, 201))
    assert lasting_cluster.owner.ask("GET", KEY) == "200"
    assert PASSWORD not in repr(commands)
    await commands.close()


@both
async def test_a_slot_that_moves_is_followed(cluster, kind):
    commands = made(kind, cluster.url)
    assert await commands.script(COUNT, [KEY], [1]) == 1
    await commands.call("DEL", KEY)
    target = cluster.move_slot()
    counts = [commands.script(COUNT, [KEY], [1]) for _ in range(50)]
    assert sorted(await asyncio.gather(*counts)) == list(range(1, 51))
    assert target.ask("GET", KEY) == "50"
    await commands.close()


@both
async def test_a_slot_in_migration_is_unavailable_and_not_an_error(cluster, kind):
    commands = made(kind, cluster.url)
    assert await commands.call("EXISTS", KEY) == 0
    target = cluster.others[0]
    owner_id, target_id = (node.ask("CLUSTER", "MYID") for node in (cluster.owner, target))
    target.ask("CLUSTER", "SETSLOT", cluster.slot, "IMPORTING", owner_id)
    cluster.owner.ask("CLUSTER", "SETSLOT", cluster.slot, "MIGRATING", target_id)
    with pytest.raises(RedisUnavailable, match="ASK") as raised:
        await commands.call("GET", KEY)
    assert raised.value.sent is False
    await commands.close()


@both
async def test_a_cluster_node_that_is_killed_is_replaced(cluster, kind):
    commands = made(kind, cluster.url)
    await commands.call("SET", KEY, "before")
    until(lambda: cluster.replica.ask("DBSIZE") == 1)
    cluster.owner.kill()
    assert await until_answered(commands, "GET", KEY) == b"before"
    assert await until_answered(commands, "SET", KEY, "after") == b"OK"
    assert cluster.replica.ask("GET", KEY) == "after"
    # The old one comes back as a replica, and nobody is sent there.
    cluster.owner.start()
    until(cluster.owner.answers)
    assert await commands.script(COUNT, [f"{PREFIX}:m"], [1]) == 1
    await commands.close()


@both
async def test_one_seed_is_enough(cluster, kind):
    seed = f"127.0.0.1:{cluster.others[1].port}"
    dead = f"127.0.0.1:{cluster.others[0].port}"
    cluster.others[0].kill()
    commands = made(kind, f"{cluster.url.rpartition('@')[0]}@{dead},{seed}")
    # Without a primary the cluster is down as a whole, by its default; that is no error reply.
    assert await until_unavailable(commands, "GET", KEY)
    cluster.others[0].start()
    assert await until_answered(commands, "GET", KEY) is None
    await commands.close()


@both
async def test_the_primary_that_sentinels_name_is_used(lasting_sentinels, kind):
    commands = made(kind, lasting_sentinels.url)
    await admit_and_expire(commands)
    assert lasting_sentinels.primary.ask("EXISTS", f"{PREFIX}:epoch") == 1
    assert "the-primary" in repr(commands)
    assert PASSWORD not in repr(commands)
    await commands.close()


@both
async def test_a_primary_that_is_killed_is_replaced(sentinels, kind):
    commands = made(kind, sentinels.url)
    await commands.call("SET", KEY, "before")
    until(lambda: sentinels.replica.ask("GET", KEY) == "before")
    sentinels.primary.kill()
    assert await until_answered(commands, "SET", KEY, "after") == b"OK"
    assert sentinels.replica.ask("GET", KEY) == "after"
    assert await commands.script(COUNT, [f"{PREFIX}:m"], [1]) == 1
    await commands.close()


@pytest.mark.soak
@both
async def test_a_primary_that_becomes_a_replica_is_left(sentinels, kind):
    commands = made(kind, sentinels.url)
    await asyncio.gather(*(commands.call("SET", KEY, "before") for _ in range(20)))
    until(lambda: sentinels.replica.ask("GET", KEY) == "before")
    with sentinels.nodes[2].client() as client:
        client.execute_command("SENTINEL", "FAILOVER", "the-primary")
    # Before, what the old one still takes is lost: that is how Redis fails over.
    until(lambda: sentinels.primary.ask("ROLE")[0] == "slave")
    assert await until_answered(commands, "SET", KEY, "after") == b"OK"
    assert sentinels.replica.ask("GET", KEY) == "after"
    await commands.close()


@both
async def test_sentinels_that_do_not_know_the_name(lasting_sentinels, kind):
    commands = made(kind, lasting_sentinels.url.replace("the-primary", "another"))
    with pytest.raises(RedisUnavailable, match="no Sentinel names another") as raised:
        await commands.call("PING")
    assert raised.value.sent is False
    assert PASSWORD not in str(raised.value)
    await commands.close()


@both
async def test_a_plain_address_of_a_cluster_says_so(lasting_cluster, kind):
    node = lasting_cluster.others[0]
    commands = made(
        kind,
        f"{lasting_cluster.url.rpartition('@')[0]}@127.0.0.1:{node.port}".replace(
            "redis+cluster", "redis"
        ),
    )
    with pytest.raises(RedisReplyError, match="MOVED"):
        await commands.call("GET", KEY)
    await commands.close()


@both
async def test_tls_to_sentinels_and_to_what_they_name(redis_server, tmp_path, kind):
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with proxied(redis_server.url, context) as proxy:
        port = str(urlsplit(proxy.url).port)

        async def name_the_proxy(reader, writer):
            await reader.readuntil(b"the-primary\r\n")
            writer.write(f"*2\r\n$9\r\n127.0.0.1\r\n${len(port)}\r\n{port}\r\n".encode())
            await writer.drain()

        sentinel = await asyncio.start_server(name_the_proxy, "127.0.0.1", 0, ssl=context)
        address = f"127.0.0.1:{sentinel.sockets[0].getsockname()[1]}"
        password = urlsplit(redis_server.url).password
        url = f"rediss+sentinel://:{password}@{address}/the-primary?ssl_ca_certs={certificate}"
        commands = made(kind, url)
        assert await commands.call("PING") == b"PONG"
        await commands.close()
        untrusting = made(kind, url.partition("?")[0])
        with pytest.raises(RedisUnavailable, match=r"(?i)certificate"):
            await untrusting.call("PING")
        await untrusting.close()
        sentinel.close()


async def test_doctor_asks_the_node_that_matters(lasting_cluster):
    commands = made(MultiplexedConnection, lasting_cluster.url)
    await set_epoch(commands, PREFIX, "01EPOCH")
    await commands.close()
    report = await examine_redis(lasting_cluster.url, PREFIX)
    assert {finding.check: finding.status for finding in report.findings}["admission"] == "ok"
    assert [finding.check for finding in report.findings if finding.status == "wrong"] == []
