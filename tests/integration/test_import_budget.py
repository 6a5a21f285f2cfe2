"""What the relay process has imported after its first request, as the interpreter itself says."""

import httpx
import pytest

from cli.dev.ports import free_port
from tests.support.dev_stack import DevStack
from tests.support.processes import ServedProcess

FORBIDDEN = {
    *("spacy", "fastapi", "pandas", "sqlalchemy", "flask", "functions_framework", "psycopg"),
    *("redis", "httpx", "pydantic", "starlette", "cloudevents", "requests", "aiohttp"),
    "unittest",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Modules imported by a relay that has served one chat and one streamed message."""
    directory = tmp_path_factory.mktemp("imports")
    with DevStack(directory / "state") as stack:
        key = stack.create_key()
        echo = stack.processes["echo_provider"]["url"]
        log = directory / "relay.log"
        relay = ServedProcess(
            "functions.relay.main:application",
            free_port(),
            log,
            PYTHONPROFILEIMPORTTIME="1",
            RELAY_DATABASE_URL=stack.processes["postgres"]["url"],
            RELAY_REDIS_URL=stack.processes["redis"]["url"],
            RELAY_INTERNAL_SECRET=(stack.state / "internal-secret").read_text().strip(),
            OPENAI_API_KEY="k",
            OPENAI_BASE_URL=f"{echo}/v1",
            ANTHROPIC_API_KEY="k",
            ANTHROPIC_BASE_URL=echo,
        )
        relay.start()
        url = f"http://127.0.0.1:{relay.port}"
        messages = [{"role": "user", "content": "hello"}]
        headers = {"x-api-key": key}
        chat = {"model": "gpt-4o-mini", "messages": messages}
        assert httpx.post(f"{url}/v1/chat/completions", json=chat, headers=headers).is_success
        message = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages}
        message["stream"] = True
        assert (
            "message_stop" in httpx.post(f"{url}/v1/messages", json=message, headers=headers).text
        )
        relay.stop()
    lines = [line for line in log.read_text().splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines}


def test_nothing_heavy_is_imported(imported):
    assert "functions.relay.pipeline" in imported
    assert "pyreqwest" in {name.partition(".")[0] for name in imported}
    assert {name.partition(".")[0] for name in imported} & FORBIDDEN == set()
    assert "common.telemetry.log_files" not in imported
    # See `common.embedded_server`: granian's own package brings its command line along.
    command_line = {"granian.server", "granian.log", "multiprocessing", "logging.config"}
    assert command_line & imported == set()
