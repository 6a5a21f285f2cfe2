"""Cold start of relay in the production image, beside bare asyncio in the same image.

Containers are made before and only started within what is timed, so docker's own time is in both.
`RELAY_IMAGE` names the image, else `images/build` has built `relay:<version>`.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib import metadata

from benchmarks.cold_start import BARE, Ask, answered, first_200, first_chat
from benchmarks.figures import Figure, figure
from cli.dev.ports import free_port

NOT_RUN = "not run: {}"


def measure(relay: Mapping[str, str], rounds: int) -> str:
    """A sentence for the document: ratios of medians, or why there are none."""
    image = os.environ.get("RELAY_IMAGE") or f"relay:{metadata.version('relay')}"
    if (reason := missing(image)) is not None:
        return NOT_RUN.format(reason)
    floor = ["python", "-c", BARE]
    served = ["python", "-m", "common.serve", "functions.relay.main:application"]
    starts: dict[str, tuple[list[str], Ask]] = {
        "bare asyncio": (floor, first_200),
        "first 200": (served, first_200),
        "first chat": (served, first_chat),
    }
    found: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(rounds + 1):
        for name, (command, ask) in starts.items():
            took = _took_ms(image, command, ask, relay)
            if number:
                found[name].append(took)
    return sentence(image, {name: figure(values) for name, values in found.items()})


def sentence(image: str, found: Mapping[str, Figure]) -> str:
    """What was found, with the container's own start in every figure."""
    floor = found["bare asyncio"]
    parts = [
        f"{name} {found[name].median:.0f} ms ({found[name] / floor:.2f}x bare asyncio)"
        for name in ("first 200", "first chat")
    ]
    return f"`{image}`, from `docker start`: {', '.join(parts)}, bare asyncio {floor.median:.0f} ms"


def missing(image: str) -> str | None:
    """What is not there, or None."""
    docker = shutil.which("docker")
    if docker is None or _status([docker, "info"]):
        return "no docker daemon answers"
    if _status([docker, "image", "inspect", image]):
        return f"docker has no image {image}; `make images` builds it"
    return None


def _status(command: Sequence[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _took_ms(image: str, command: list[str], ask: Ask, relay: Mapping[str, str]) -> float:
    port = free_port()
    given = [f"--env={name}={value}" for name, value in {**relay, "PORT": str(port)}.items()]
    whole = [*command, str(port)] if command[1] == "-c" else command
    made = ["docker", "create", "--network=host", "--read-only", *given, image, *whole]
    container = subprocess.run(made, check=True, capture_output=True, text=True).stdout.strip()
    try:
        began = time.perf_counter()
        subprocess.run(["docker", "start", container], check=True, capture_output=True)
        answered(ask, port, began)
        return (time.perf_counter() - began) * 1000
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)
