"""A stand-in for the Kubernetes API server: Secrets over HTTP, as the API conventions say.

A POST of a name that is there is answered 409 AlreadyExists, a merge patch with another
resourceVersion than the object's 409 Conflict, what the Role does not grant 403.
"""

import base64
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.redis_servers import self_signed

TOKEN = "the token of this service account"
NAMESPACE = "llm"
_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/secrets(?:/([^/?]+))?(\?dryRun=All)?")
_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:relay-secrets"


class KubernetesAPI:
    """The server. `secrets` are the objects by name; `forbidden` are verbs, or (verb, name)s."""

    def __init__(self, directory: Path | None = None) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.forbidden: set[object] = set()
        self.calls: list[tuple[str, str]] = []
        self.unavailable = 0
        # Called with the verb and the name before each call is worked on, e.g. to interfere.
        self.before = lambda verb, name: None
        self._lock = threading.RLock()
        self._version = 100
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = api.answer(self, json.loads(body) if body else None)
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the base class's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.ca_file = ""
        if directory is not None:
            certificate, key = self_signed(directory)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://127.0.0.1:{self.port}"
            self.ca_file = str(certificate)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    def put(
        self,
        name: str,
        data: dict[str, str],
        *,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        **more: object,
    ) -> None:
        """Somebody else makes or changes a Secret."""
        with self._lock:
            self._version += 1
            self.secrets[name] = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "resourceVersion": str(self._version),
                    "labels": labels or {},
                    "annotations": annotations or {},
                },
                "data": {
                    key: base64.b64encode(text.encode()).decode() for key, text in data.items()
                },
                **more,
            }

    def data(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        held = self.secrets[name]["data"]
        return {key: base64.b64decode(value).decode() for key, value in held.items()}

    def prune(self) -> list[str]:
        """Delete as Argo CD does: what it tracks, in no manifest, and is not told to leave."""
        doomed = []
        for name, secret in self.secrets.items():
            metadata = secret["metadata"]
            options = metadata["annotations"].get("argocd.argoproj.io/sync-options", "").split(",")
            if "app.kubernetes.io/instance" in metadata["labels"] and "Prune=false" not in options:
                doomed.append(name)
        for name in doomed:
            del self.secrets[name]
        return doomed

    def answer(self, request: BaseHTTPRequestHandler, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and object for one call."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return _status(404, "NotFound", "the server could not find the requested resource")
        namespace, name, dry_run = found.groups()
        verb = {"GET": "get", "POST": "create", "PATCH": "patch"}.get(request.command, "update")
        name = name or body["metadata"]["name"]
        self.before(verb, name)
        with self._lock:
            self.calls.append((verb, name))
            if self.unavailable:
                self.unavailable -= 1
                return _status(503, "ServiceUnavailable", "the server is currently unable")
            if request.headers.get("authorization") not in (f"Bearer {TOKEN}", None):
                return _status(401, "Unauthorized", "Unauthorized")
            if verb in self.forbidden or (verb, name) in self.forbidden:
                return _status(
                    403,
                    "Forbidden",
                    f'secrets "{name}" is forbidden: User "{_ACCOUNT}" cannot {verb} resource '
                    f'"secrets" in API group "" in the namespace "{namespace}"',
                )
            if verb == "create":
                return self._create(namespace, name, body)
            if name not in self.secrets:
                return _status(404, "NotFound", f'secrets "{name}" not found')
            if verb == "patch":
                return self._patch(name, body, request.headers["content-type"], bool(dry_run))
            return 200, self.secrets[name]

    def _create(self, namespace: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        if namespace != NAMESPACE:
            return _status(404, "NotFound", f'namespaces "{namespace}" not found')
        if name in self.secrets:
            return _status(409, "AlreadyExists", f'secrets "{name}" already exists')
        self._version += 1
        body["metadata"] |= {"resourceVersion": str(self._version), "namespace": namespace}
        self.secrets[name] = body
        return 201, body

    def _patch(
        self, name: str, body: Any, content_type: str, dry_run: bool
    ) -> tuple[int, dict[str, Any]]:
        if content_type != "application/merge-patch+json":
            return _status(415, "UnsupportedMediaType", content_type)
        secret = self.secrets[name]
        version = body["metadata"].pop("resourceVersion", None)
        if version not in (None, secret["metadata"]["resourceVersion"]):
            return _status(409, "Conflict", "the object has been modified")
        if secret.get("immutable") and body.get("data"):
            return _status(422, "Invalid", "data: Forbidden: field is immutable")
        changed = _merged(secret, body)
        if not dry_run:
            self._version += 1
            changed["metadata"]["resourceVersion"] = str(self._version)
            self.secrets[name] = changed
        return 200, changed


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _status(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    return code, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
