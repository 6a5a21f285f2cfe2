"""Containers as a test drives them: with the restrictions of the chart, on the host's network."""

import http.client
import json
import os
import subprocess
import time
import uuid

DOCKER = os.environ.get("DOCKER", "docker")
START_S_MAX = 30.0
# What the chart's containers have: nothing is writable but /tmp, nothing is privileged.
RESTRICTED = (
    *("--network", "host", "--read-only", "--tmpfs", "/tmp:rw,nosuid,nodev,noexec,size=64m"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256"),
)


def docker(*arguments: str, check: bool = True) -> str:
    """What the command printed. Raises `RuntimeError` with its complaint."""
    done = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def run(image: str, *command: str, options: tuple[str, ...] = (), **environment: str) -> str:
    """Run a command to its end in a restricted container; its output, errors last."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return docker("run", "--rm", *RESTRICTED, *variables, *options, image, *command)


class Container:
    """A container that goes on until it is stopped."""

    def __init__(
        self,
        image: str,
        command: tuple[str, ...],
        *,
        port: int,
        host: str = "127.0.0.1",
        options: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        self.host = host
        self.port = port
        self.name = f"relay-test-{uuid.uuid4().hex[:12]}"
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        docker(
            "create", "--name", self.name, *RESTRICTED, *variables, *options, image, *command
        )  # fmt: skip

    def start(self, ready_path: str = "/health/ready") -> float:
        """Start; the seconds until it answered 200. Raises `RuntimeError` with its log."""
        begin = time.monotonic()
        docker("start", self.name)
        while not self._answers(ready_path):
            if time.monotonic() - begin > START_S_MAX or not self.running:
                raise RuntimeError(f"the container did not start:\n{self.log}")
            time.sleep(0.005)
        return time.monotonic() - begin

    def launch(self) -> None:
        """Start without waiting for an answer."""
        docker("start", self.name)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ended by then."""
        end = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def signal(self, name: str) -> None:
        """Send a signal to its first process."""
        docker("kill", "--signal", name, self.name)

    def wait(self) -> int:
        """Wait for its end. Gives the exit code."""
        return int(docker("wait", self.name))

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return bool(json.loads(docker("inspect", self.name))[0]["State"]["Running"])

    @property
    def log(self) -> str:
        """What it wrote, errors too."""
        done = subprocess.run(
            [DOCKER, "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def remove(self) -> None:
        """Kill and delete it."""
        docker("rm", "--force", self.name, check=False)

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
