"""`pii` cold, slow and killed: who may wait loses nothing, and each fail mode does what it says."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.dev.ports import free_port
from common.domain.content_rules import ContentRules
from common.domain.policies import Policy
from tests.support.echo import EchoProcess
from tests.support.processes import INTERNAL_SECRET, ServedProcess
from tests.support.relay_process import RelayProcess, ask

AT_ONCE = 12
NAME = "Maria Gonzalez"
ENTITIES = {"PERSON": "mask", "EMAIL_ADDRESS": "mask"}


@pytest.fixture
def pii(tmp_path):
    """The process, which does not run yet."""
    process = ServedProcess(
        "functions.pii.main:application",
        free_port(),
        tmp_path / "pii.log",
        RELAY_INTERNAL_SECRET=INTERNAL_SECRET,
        OPENBLAS_NUM_THREADS="1",
    )
    yield process
    if process.process is not None and process.process.poll() is None:
        process.kill()


def test_pii_cold_slow_and_killed(tmp_path, redis_server, pii):
    with EchoProcess(tmp_path) as echo:
        (tmp_path / "patient").mkdir()
        (tmp_path / "impatient").mkdir()
        with (
            relay_of(tmp_path / "patient", redis_server, echo, pii, 100_000) as patient,
            relay_of(tmp_path / "impatient", redis_server, echo, pii, 300) as impatient,
        ):
            patient.reset()
            _cold(patient, echo, pii)
            pii.process.send_signal(signal.SIGSTOP)
            _without_findings(impatient, echo, "slow")
            pii.process.send_signal(signal.SIGCONT)
            pii.kill()
            _without_findings(impatient, echo, "killed")
            # What is remembered needs nobody.
            assert say(impatient, "deny", "Ask Maria Gonzalez about invoice 1.").status_code == 200


def relay_of(directory, redis_server, echo, pii, timeout_ms):
    url = f"http://127.0.0.1:{pii.port}"
    variables = {"RELAY_PII_URL": url, "RELAY_PII_TIMEOUT_MS": str(timeout_ms)}
    return RelayProcess(directory, redis_server, echo.url, **variables)


def say(relay, on_failure, text):
    """One request of a new key of one team, which so shares what is remembered."""
    redaction = {"entities": ENTITIES, "tier": "model", "on_failure": on_failure}
    key = relay.project_key(
        policy=Policy(content=ContentRules(redaction=redaction)),
        team_id="01ARYZ6S41TSV4RRFFQ69G5FAY",
    )
    headers = {"authorization": f"Bearer {key}"}
    return relay.client.post("/v1/chat/completions", json=ask("openai", text), headers=headers)


def _cold(relay, echo, pii):
    """Nobody listens while they ask; whoever lets nothing pass unsearched waits."""
    echo.clear()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        texts = [f"Ask {NAME} about invoice {number}." for number in range(AT_ONCE)]
        answers = [threads.submit(say, relay, "deny", text) for text in texts]
        pii.begin()
        for answer in answers:
            assert answer.result().status_code == 200
            assert NAME in answer.result().text
    told = json.dumps(echo.received())
    assert "PERSON_" in told
    assert "Gonzalez" not in told


def _without_findings(relay, echo, how):
    text = f"A {how} one: Jane Miller wrote from jane@private.example."
    echo.clear()
    refused = say(relay, "deny", text)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "pii_unavailable")
    assert "x-should-retry" not in refused.headers or refused.headers["x-should-retry"] == "true"
    assert echo.requests() == []
    assert say(relay, "regex_only", text).status_code == 200
    told = json.dumps(echo.received())
    assert "Jane Miller" in told
    assert "jane@private.example" not in told
    assert say(relay, "allow", text).status_code == 200
    assert "jane@private.example" in json.dumps(echo.received())
