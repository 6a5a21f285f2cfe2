"""The supervisor with a real Redis and stand-ins: `python -m tests.support.small_stack STATE`.

Prints `ready` when everything runs. The environment variable BROKEN makes `key_admin` fail:
`exits` or `never-ready`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from cli.dev.console import complain, show
from cli.dev.embedded_redis import find_redis, prepare_redis
from cli.dev.errors import CannotStart
from cli.dev.part import Part, http_ready, in_thread
from cli.dev.ports import free_port
from cli.dev.state import State
from cli.dev.supervisor import Supervisor


def _stand_in(state: State, name: str, stop_order: int) -> Part:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.stand_in", str(port)]
    if name == "key_admin" and os.environ.get("BROKEN") == "exits":
        command = [sys.executable, "-c", "raise SystemExit('KEY is missing')"]
    elif name == "key_admin" and "BROKEN" in os.environ:
        command.append("never-ready")
    return Part(
        name=name,
        command=command,
        log=state.log(name),
        ready=http_ready(port),
        environment=dict(os.environ),
        record={"port": port},
        stop_order=stop_order,
        stop_s=5,
    )


def main() -> int:
    try:
        state = State.open(Path(sys.argv[1]))
    except CannotStart as error:
        complain(str(error))
        return 1
    redis = prepare_redis(find_redis(), state.path / "redis", free_port())
    store = Part(
        name="redis",
        command=redis.command,
        log=state.log("redis"),
        ready=in_thread(redis.ready),
        record={"url": redis.url},
        stop_order=2,
        death_signal=signal.SIGTERM,
        essential=True,
    )
    supervisor = Supervisor(state, {"postgres": {"url": "postgresql://elsewhere/relay"}})
    stages = [
        [store],
        [_stand_in(state, "relay", 1), _stand_in(state, "key_admin", 1)],
        [_stand_in(state, "front_door", 0)],
    ]
    try:
        asyncio.run(supervisor.run(stages, lambda: show("ready")))
    except CannotStart as error:
        complain(str(error))
        return 1
    finally:
        state.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
