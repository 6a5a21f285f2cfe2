"""What the relay process has imported after its first request, as the interpreter itself says."""

import subprocess
import sys

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
STANDARD = sys.stdlib_module_names
OURS = {"common", "functions"}
THIRD_PARTY = {"hiredis", "msgspec"}
# The profile also names what is looked for and not there: Windows' modules, and what msgspec is not
# given (`common.lean_msgspec`).
LOOKED_FOR = {"nt", "typing_extensions"}
# What each is for: hashes of keys (hashlib, hmac, bisect of metrics), msgspec's own (datetime,
# decimal, numbers, uuid, platform), the Redis URL (urllib, ipaddress), files (pathlib, fnmatch).
STANDARD_ALLOWED = {
    *("bisect", "datetime", "decimal", "fnmatch", "hashlib", "hmac", "ipaddress", "numbers"),
    *("ntpath", "pathlib", "platform", "urllib", "uuid"),
}
OURS_ABSENT = {
    "common.dialects.anthropic.bounds",
    "common.dialects.anthropic.count_tokens",
    "common.dialects.bedrock",
    "common.dialects.bounds",
    "common.dialects.canonical",
    "common.dialects.capture",
    "common.dialects.forms",
    "common.dialects.gemini",
    "common.dialects.openai.audio",
    "common.dialects.openai.bounds",
    "common.dialects.openai.completions",
    "common.dialects.openai.embeddings",
    "common.dialects.openai.images",
    "common.dialects.openai.models",
    "common.dialects.openai.moderations",
    "common.dialects.openai.responses",
    "common.dialects.worst_cases",
    "common.domain.response_cache",
    "common.pii",
    "common.providers.proxied",
    "common.state.response_cache",
    "common.telemetry.exposition",
    "common.telemetry.log_files",
    "common.dialects.surrounded",
    "common.redaction",
    "functions.relay.stages.content",
    "functions.relay.flights",
    "functions.relay.stages.cache",
    "functions.relay.stages.list_models",
    "functions.relay.stages.redact",
    "functions.relay.stages.show_key",
    "functions.relay.stages.stored",
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
    return names(log.read_text())


def names(profile):
    """The modules in the lines that `-X importtime` prints."""
    lines = [line for line in profile.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines} - {"imported package"}


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.fixture(scope="module")
def beyond(imported):
    """The packages that asyncio alone does not need; `runpy` is `python -m`."""
    command = [sys.executable, "-X", "importtime", "-c", "import asyncio"]
    begun = subprocess.run(command, capture_output=True, text=True, check=True)
    return packages(imported) - packages(names(begun.stderr)) - {"gc", "runpy"}


def test_nothing_heavy_is_imported(imported, beyond):
    assert "functions.relay.pipeline" in imported
    assert beyond & FORBIDDEN == set()
    assert beyond - STANDARD - OURS - LOOKED_FOR == THIRD_PARTY


def test_of_the_standard_library_only_what_is_listed(beyond):
    """A new one is a decision, paid with every cold start."""
    public = {name for name in beyond & STANDARD if not name.startswith("_")}
    assert public - LOOKED_FOR <= STANDARD_ALLOWED


def test_of_ours_only_what_was_asked_for(imported):
    """Two endpoints were asked, without budgets, forms, log files or a key that is unknown."""
    assert imported & OURS_ABSENT == set()
