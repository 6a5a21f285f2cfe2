"""Runs the few tests again, alone, that failed beside others: `.ci/run` after a failed `make test`.

A test that fails for a reason fails alone too, and then this fails. One that passes alone depends
on what else the machine does, which is a defect of that test: it is named loudly and kept in
`dist/failed-beside-others.txt`, but holds nobody up. Never forgiven are more than a few failures,
and what is no test's own: style and types, tests that cannot be collected, and what is found wrong
at the end of a run (secrets in what the tests left behind).
"""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
# What `make test` writes, and .ci/run removes beforehand: without it they never came to an end.
RESULTS = ROOT / "dist" / "tests.xml"
LAST_FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
NAMES = ROOT / "dist" / "failed-beside-others.txt"
FAILED_MAX = 3


def forgivable(results: Path, last_failed: Path) -> list[str]:
    """The tests that may be run again: none unless all that went wrong was in so few of them."""
    if not results.exists():
        return []
    cases = list(ElementTree.parse(results).iter("testcase"))  # noqa: S314
    failed = [case for case in cases if case.find("failure") is not None]
    errors = [error for case in cases for error in case.iter("error")]
    if any(not _in_its_setup(error.get("message", "")) for error in errors):
        return []
    names = sorted(json.loads(last_failed.read_text())) if last_failed.exists() else []
    if not 0 < len(names) == len(failed) + len(errors) <= FAILED_MAX:
        return []
    return names


def _in_its_setup(message: str) -> bool:
    return "failed on setup" in message and "crashed while running" not in message


def main() -> int:
    """The exit code of the second run, or 1 when there is none."""
    names = forgivable(RESULTS, LAST_FAILED)
    if not names:
        return 1
    print(f"ci: failed, and run again alone: {', '.join(names)}", flush=True)
    pytest = [sys.executable, "-m", "pytest", "-n", "0", *names]
    code = subprocess.run(pytest, cwd=ROOT, check=False).returncode  # noqa: S603
    if code == 0:
        NAMES.write_text("".join(f"{name}\n" for name in names))
        print(f"ci: failed beside others, passed alone: {', '.join(names)}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
