"""All candidates, in the order in which they take their turns."""

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata

from benchmarks import candidates as known
from benchmarks import peers
from benchmarks.candidates import Candidate
from benchmarks.relay_candidate import relay


def _nginx_version() -> str:
    done = subprocess.run(
        [peers.required("nginx", "nginx"), "-v"], capture_output=True, text=True, check=True
    )
    return done.stderr.strip().rpartition("/")[2]


def _pinned(peer: peers.Peer) -> Callable[[], str]:
    return lambda: f"{peer.version} ({peer.registry})"


CANDIDATES = (
    Candidate(
        "bare",
        "answers 200 itself, on asyncio: the floor",
        lambda: f"CPython {sys.version.split()[0]}",
        known.bare,
        is_floor=True,
    ),
    Candidate("nginx", "forwards: the limit", _nginx_version, known.nginx),
    Candidate("envoy", "forwards: a plain proxy", _pinned(peers.ENVOY), known.envoy),
    Candidate(
        "relay",
        "authenticates, admits, forwards, reads usage, prices, settles into the outbox (Redis), "
        "sends events, logs",
        lambda: metadata.version("relay"),
        relay,
    ),
    Candidate(
        "ferrogw",
        "authenticates by its master key, routes, forwards; nothing is stored",
        _pinned(peers.FERROGW),
        known.ferrogw,
    ),
    Candidate(
        "portkey",
        "routes by headers, forwards; no keys, nothing is stored",
        _pinned(peers.PORTKEY),
        known.portkey,
    ),
    Candidate(
        "litellm",
        "authenticates by its master key, routes, forwards, prices; no database, nothing is stored",
        _pinned(peers.LITELLM),
        known.litellm,
    ),
)
ALONE = ("bare", "nginx", "relay")
EVERY = tuple(candidate.name for candidate in CANDIDATES)


def named(names: tuple[str, ...]) -> list[Candidate]:
    """In the order of the list."""
    return [candidate for candidate in CANDIDATES if candidate.name in names]
