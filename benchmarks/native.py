"""The mock provider and the load generator, two C programs, compiled once into the cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).with_name("native")
COMPILERS = ("cc", "gcc", "clang")


class CannotBenchmark(RuntimeError):
    """Something that the benchmarks need is not there; the text says how to get it."""


def cache_directory() -> Path:
    """Where programs and peers are kept: `RELAY_BENCH_CACHE`, else in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(os.environ.get("RELAY_BENCH_CACHE") or Path(base) / "relay-bench")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def program(name: str) -> Path:
    """The compiled `native/<name>.c`. Raises `CannotBenchmark` without a C compiler."""
    source = SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    binary = cache_directory() / f"{name}-{digest}"
    if not binary.exists():
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None:
            raise CannotBenchmark("the load generator needs a C compiler: apt-get install gcc")
        unfinished = binary.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-o", unfinished, source], check=True)
        unfinished.replace(binary)
    return binary
