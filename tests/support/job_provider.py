"""A provider for jobs of every kind that have ended, and jobs at it as relay leaves them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from common.domain.accounts import AccountRecord, credential_name
from common.domain.admission import Candidate, Draft
from common.domain.jobs import JOB_MS_MAX, Job, JobKind
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import compile_rules
from common.domain.policies import Applied, Budget, Limits, Policy, key_scope
from common.domain.reservation import Charge
from common.domain.usage import Tokens, UsageRecord, encode
from common.identifiers import new_ulid, now_ms
from common.keyring import Keyring
from common.state.admission import Admission, Snapshot
from common.state.jobs import Jobs
from common.state.projection import put_accounts, put_key, set_epoch
from tests.support.event_worker import PREFIX, EventWorker
from tests.support.processes import INTERNAL_SECRET
from tests.support.usage_records import KEY_ID, make_record

RESERVED_NANO = 5_000_000_000
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o-mini-2024-07-18",
    "output": [],
    "usage": {"input_tokens": 7, "output_tokens": 5},
}
_BATCH = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended"}
_MESSAGE = {
    "type": "message",
    "model": "claude-sonnet-4-5-20250929",
    "content": [],
    "usage": {"input_tokens": 10, "output_tokens": 4},
}
_LINES = [
    {"custom_id": str(number), "result": {"type": "succeeded", "message": _MESSAGE}}
    for number in range(3)
]


class JobProvider:
    """A server; with `stalls` a file of results stops in its middle, and `stalled` says so."""

    def __init__(self) -> None:
        provider = self
        self.stalls = False
        self.stalled = False
        self._closed = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                lines = self.path.endswith("/results")
                shown: Any = _BATCH if "msgbatch" in self.path else _RESPONSE
                body = b"".join(json.dumps(line).encode() + b"\n" for line in _LINES)
                body = body if lines else json.dumps(shown).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if lines and provider.stalls:
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    provider.stalled = True
                    provider._closed.wait(20)
                    return
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                del arguments

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()


async def begin_jobs(function: EventWorker, provider_url: str) -> list[UsageRecord]:
    """A response and a batch, of a key with a budget; gives their drafts."""
    accounts = [
        sealed_account("openai", f"{provider_url}/v1"),
        sealed_account("anthropic", provider_url),
    ]
    await put_accounts(function.commands, PREFIX, 1, msgspec.json.encode(accounts))
    key_hash = hash_key("cr_jobs")
    await put_key(
        function.commands, PREFIX, key_hash, KeyRecord(KEY_ID, "alice", version=1), "active", None
    )
    await set_epoch(function.commands, PREFIX, "01EPOCH")
    policy = Policy(Limits(), (Budget("total", "100", "deny"),))
    rules = compile_rules([Applied("key", key_scope(KEY_ID), policy)], now_ms())
    drafts = []
    for account, kind, provider_id, model in (
        (accounts[0], "response", "resp_1", "gpt-4o-mini"),
        (accounts[1], "message_batch", "msgbatch_1", "claude-sonnet-4-5"),
    ):
        draft = make_record(
            account_id=account.id,
            provider=account.provider,
            model_requested=model,
            model_served=model,
            status="interrupted",
            finish_cause="interrupted",
            tokens=Tokens(input=100, output=1000),
            usage_source="estimated",
            cost_usd="4.000000000000",
            latency_ms=None,
        )
        charge = msgspec.msgpack.encode(Charge(RESERVED_NANO, 0, -1, 0, 1100, 4_000_000_000))
        await Admission(function.commands, PREFIX).admit(
            draft.id,
            Snapshot(key_hash, "1 0 0 0 0 0", 1),
            [Candidate(account.id, 0, encode(draft), charge)],
            address="10.0.0.1",
            tokens=1100,
            rules=rules.packed,
        )
        kept: JobKind = "response" if kind == "response" else "message_batch"
        job = Job(kept, provider_id, now_ms() + JOB_MS_MAX, draft)
        record = Draft(encode(draft), 1100, 4_000_000_000)
        assert await Jobs(function.commands, PREFIX).entrust(job, record, 0) == "entrusted"
        drafts.append(draft)
    assert await money_of(function) == (0, 2 * RESERVED_NANO)
    return drafts


async def money_of(function: EventWorker) -> tuple[int, int]:
    """What the only counter of money has spent and reserved, in nano-USD."""
    (name,) = await function.commands.call("KEYS", f"{PREFIX}:money:*")
    spent, reserved = await function.commands.call("HMGET", name, "s", "r")
    return int(spent or 0), int(reserved or 0)


def sealed_account(provider: Any, url: str) -> AccountRecord:
    """An account as it is stored."""
    account_id = new_ulid()
    sealed = Keyring((), INTERNAL_SECRET).seal("sk-x", credential_name(account_id))
    return AccountRecord(account_id, provider, provider, url, sealed_credential=sealed)
