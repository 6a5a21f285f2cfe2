"""A webhook that judges, as a team would write one: it verifies the signature and says its word."""

import base64
import contextlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common import secrets
from common.guardrails.webhooks import key_purpose

Answer = tuple[int, bytes] | None


class Guardrail:
    """`answer` is what it says to each body, None for silence; `bodies` are what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.connections = 0
        self.answer: Callable[[dict[str, Any]], Answer] = lambda _: verdict("allow")

    @property
    def texts(self) -> list[str]:
        """All texts that it was asked of."""
        return [text["text"] for body in self.bodies for text in body["texts"]]


def verdict(word: str, reason: str = "") -> Answer:
    """A verdict as it is answered."""
    return 200, json.dumps({"verdict": word, "reason": reason}).encode()


@contextlib.contextmanager
def guardrail(internal_secret: str) -> Iterator[Guardrail]:
    """One that runs; what does not come as it should is in its `problems`."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            served.connections += 1

        def do_GET(self) -> None:
            served.problems.append(f"GET {self.path}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            served.problems += _problems(served.url, self.headers, body, internal_secret)
            asked = json.loads(body)
            served.bodies.append(asked)
            answered = served.answer(asked)
            if answered is None:
                over.wait(30)
                return
            self.send_response(answered[0])
            self.send_header("location", f"{served.url}/elsewhere")
            self.send_header("content-length", str(len(answered[1])))
            self.end_headers()
            self.wfile.write(answered[1])

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Guardrail(f"http://127.0.0.1:{server.server_address[1]}/judge")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _problems(url: str, headers: Any, body: bytes, internal_secret: str) -> list[str]:
    """As https://www.standardwebhooks.com says it, with the key that administrators are shown."""
    key = secrets.derive(internal_secret, key_purpose(url))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    if headers["webhook-signature"] != f"v1,{expected}":
        return ["the signature is wrong"]
    asked = json.loads(body)
    if headers["webhook-id"] != f"{asked['request_id']}.{asked['phase']}":
        return ["the id is wrong"]
    return []
