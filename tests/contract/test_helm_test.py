"""The chart's own scripts against the whole stack: what `helm test` and the CronJobs run."""

import os
import subprocess
import sys
from pathlib import Path

FILES = Path(__file__).parents[2] / "helm" / "relay" / "files"


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", (FILES / script).read_text()],
        env={"PATH": os.environ["PATH"], "no_proxy": "*", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_helm_test_makes_uses_and_revokes_a_key(stack):
    done = run("test.py", EDGE=stack.url, ADMIN=stack.url, PROXY_MASTER_KEY=stack.master_key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the key is admitted: 200" in done.stdout
    assert "the revoked key is refused: 401" in done.stdout


def test_helm_test_says_what_is_wrong(stack):
    done = run("test.py", EDGE=stack.url, ADMIN=stack.url, PROXY_MASTER_KEY="not the one")
    assert done.returncode == 1
    assert "a key is made: 201 was expected" in done.stderr


def test_a_cron_job_s_event_is_taken_by_cleanup(stack):
    address = f"http://127.0.0.1:{stack.processes['cleanup']['port']}"
    event = {
        "TARGET": f"{address}/",
        "CE_SOURCE": "/apis/v1/namespaces/default/pingsources/relay-partitions",
        "CE_TYPE": "dev.knative.sources.ping",
    }
    done = run("tick.py", **event, DATA='{"task": "partitions"}')
    assert (done.returncode, done.stdout) == (0, "204\n"), done.stderr
    refused = run("tick.py", **event, DATA='{"task": "nothing"}')
    assert refused.returncode == 1
    assert "400" in refused.stderr
