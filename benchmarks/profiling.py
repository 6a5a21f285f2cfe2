"""A flame graph of a candidate under load, by py-spy or perf. Neither is committed."""

import dataclasses
import subprocess
import tempfile
import threading
from pathlib import Path

from benchmarks import peers
from benchmarks.candidates import provider as mock_provider
from benchmarks.relay_candidate import relay
from benchmarks.rounds import line, say, take_turn
from benchmarks.scenarios import Scenario

PY_SPY = peers.Peer("py-spy", "PyPI", "py-spy", "0.4.3", "bin/py-spy")
RATE_HZ = 500
# The load begins before the profile and ends after it.
AROUND_S = 2.0


def profile(scenario: Scenario, seconds: float, output: Path, *, native: bool, tool: str) -> None:
    """Write the profile of relay under this load: SVG, or collapsed stacks for `.txt`.

    py-spy samples the thread that holds the interpreter's lock, with `native` its C and Rust frames
    too; perf samples every thread, with the kernel, for `perf report`, without Python's frames.
    """
    if tool == "py-spy":
        peers.installed(PY_SPY)  # now: installing takes longer than the load
    load = _stretched(scenario, seconds + AROUND_S)
    with (
        tempfile.TemporaryDirectory() as directory,
        mock_provider() as (port, _),
        relay(Path(directory), port) as running,
    ):
        recording = threading.Timer(
            load.ramp_s + AROUND_S / 2, _record, (running.pid, seconds, output, native, tool)
        )
        recording.start()
        say(line(take_turn("relay", running, load, 0)))
        recording.join()
    say(f"{output}")


def _stretched(scenario: Scenario, seconds: float) -> Scenario:
    return dataclasses.replace(scenario, warmup_s=AROUND_S / 2, seconds=seconds)


def _record(pid: int, seconds: float, output: Path, native: bool, tool: str) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    if tool == "perf":
        command = [peers.required("perf", "linux-perf"), "record", "-F", str(RATE_HZ), "-g"]
        command += ["-e", "cpu-clock", "-p", str(pid), "-o", str(output), "--"]
        command += ["sleep", str(seconds)]
    else:
        form = "raw" if output.suffix == ".txt" else "flamegraph"
        command = [str(peers.installed(PY_SPY)), "record", "--pid", str(pid), "--format", form]
        command += ["--duration", str(round(seconds)), "--rate", str(RATE_HZ)]
        command += ["--output", str(output), "--gil", "--native" if native else "--nonblocking"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"no profile: {(done.stderr or done.stdout).strip()[-400:]}")
