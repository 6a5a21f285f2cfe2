"""A Redis Cluster and a primary watched by Sentinels, of real servers, for tests."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import redis

from cli.dev.embedded_redis import find_redis
from cli.dev.launching import launched
from cli.dev.ports import free_port

PASSWORD = "a password: of the tests"
IN_URL = "a%20password%3A%20of%20the%20tests"
PRIMARY = "the-primary"
SLOTS = 16_384
CHANGE_S_MAX = 40.0


def until(holds: Callable[[], bool]) -> None:
    """Wait for it. Raises `TimeoutError`; a server that does not answer counts as not yet."""
    end = time.monotonic() + CHANGE_S_MAX
    while True:
        with contextlib.suppress(redis.RedisError):
            if holds():
                return
        if time.monotonic() > end:
            raise TimeoutError("the servers did not get there")
        time.sleep(0.05)


class Node:
    """One server process, of whatever kind."""

    def __init__(self, directory: Path, *configuration: str, sentinel: bool = False) -> None:
        self.port = _port()
        directory.mkdir(parents=True)
        file = directory / "redis.conf"
        lines = ("bind 127.0.0.1", f"port {self.port}", f'dir "{directory}"', 'save ""')
        file.write_text("\n".join([*lines, *configuration, ""]))
        self._command = [str(find_redis().path), str(file), *(["--sentinel"] if sentinel else [])]
        self._log = directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start; `until(node.answers)` waits for it."""
        with self._log.open("ab") as log:
            command = launched(self._command, death_signal=signal.SIGKILL)
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @contextlib.contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A plain client of this node."""
        with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True) as client:
            yield client

    def ask(self, *command: object) -> object:
        """One command."""
        with self.client() as client:
            return client.execute_command(*command)

    def answers(self) -> bool:
        """Whether it takes commands."""
        return bool(self.ask("PING"))

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


class Topology:
    """Several nodes; a context manager that ends them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.url = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for node in self.nodes:
            node.kill()


class Cluster(Topology):
    """Three primaries, and a replica of the one that serves the slot of the hash tag."""

    def __init__(self, directory: Path, tag: str) -> None:
        super().__init__()
        configuration = (
            *("cluster-enabled yes", "cluster-node-timeout 1000", "appendonly yes"),
            *(f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"'),
            "cluster-replica-validity-factor 0",
        )
        self.nodes = [Node(directory / str(number), *configuration) for number in range(4)]
        for node in self.nodes:
            until(node.answers)
        first, *others = self.nodes
        for node in others:
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        for number, node in enumerate(self.nodes[:3]):
            own = range(number * SLOTS // 3, (number + 1) * SLOTS // 3)
            node.ask("CLUSTER", "ADDSLOTS", *own)
        self.slot = int(first.ask("CLUSTER", "KEYSLOT", tag))
        self.owner = self.nodes[self.slot * 3 // SLOTS]
        self.replica = self.nodes[3]
        owner_id = self.owner.ask("CLUSTER", "MYID")
        until(lambda: owner_id in str(self.replica.ask("CLUSTER", "NODES")))
        until(lambda: self.replica.ask("CLUSTER", "REPLICATE", owner_id) is not None)
        for node in self.nodes:
            until(lambda node=node: "cluster_state:ok" in str(node.ask("CLUSTER", "INFO")))
        until(lambda: self.owner.ask("INFO", "replication")["connected_slaves"] == 1)
        self.others = [node for node in self.nodes[:3] if node is not self.owner]
        seeds = ",".join(f"127.0.0.1:{node.port}" for node in self.others)
        self.url = f"redis+cluster://:{IN_URL}@{seeds}"

    def move_slot(self) -> Node:
        """Give the tag's slot, which must be empty, to another primary; returns that one."""
        target = self.others[0]
        for node in self.nodes[:3]:
            node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", target.ask("CLUSTER", "MYID"))
        return target


class Sentinels(Topology):
    """A primary, its replica and three Sentinels; the first address in the URL is nobody's."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        auth = (f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"', "appendonly yes")
        self.primary = Node(directory / "primary", *auth)
        until(self.primary.answers)
        of_primary = f"replicaof 127.0.0.1 {self.primary.port}"
        self.replica = Node(directory / "replica", *auth, of_primary)
        watched = (
            f"sentinel monitor {PRIMARY} 127.0.0.1 {self.primary.port} 2",
            f'sentinel auth-pass {PRIMARY} "{PASSWORD}"',
            f"sentinel down-after-milliseconds {PRIMARY} 1000",
            f"sentinel failover-timeout {PRIMARY} 3000",
            f'requirepass "{PASSWORD}"',
        )
        watchers = [
            Node(directory / f"sentinel-{number}", *watched, sentinel=True) for number in range(3)
        ]
        self.nodes = [self.primary, self.replica, *watchers]
        until(lambda: self.primary.ask("INFO", "replication")["connected_slaves"] == 1)
        for watcher in watchers:
            until(lambda watcher=watcher: _knows(watcher))
        hosts = ",".join(f"127.0.0.1:{port}" for port in (1, *(node.port for node in watchers)))
        self.url = f"redis+sentinel://:{IN_URL}@{hosts}/{PRIMARY}/0"


def _knows(watcher: Node) -> bool:
    with watcher.client() as client:
        (seen,) = client.sentinel_masters().values()
    return seen["num-slaves"] == 1 and seen["num-other-sentinels"] == 2


def _port() -> int:
    """A free one whose bus port (10,000 more) is free as well."""
    while True:
        port = free_port()
        with socket.socket() as bus, contextlib.suppress(OSError, OverflowError):
            bus.bind(("127.0.0.1", port + 10_000))
            return port
