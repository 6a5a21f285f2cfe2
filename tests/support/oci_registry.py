"""An OCI registry in memory, as far as Helm uses one (OCI distribution specification 1.1)."""

import hashlib
import http.server
import re
import threading

_UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/")
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]+)")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/(.+)")
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Registry(http.server.ThreadingHTTPServer):
    """Listens on a port of its own while it is entered."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exit_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def do_GET(self):
        if self.path == "/v2/":
            return self._answer(200)
        if found := _BLOB.fullmatch(self.path):
            blob = self.server.blobs.get(found[2])
            return self._answer(404) if blob is None else self._answer(200, blob)
        if found := _MANIFEST.fullmatch(self.path):
            manifest = self.server.manifests.get((found[1], found[2]))
            if manifest is None:
                return self._answer(404)
            digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
            return self._answer(
                200, manifest, content_type=_MANIFEST_TYPE, docker_content_digest=digest
            )
        return self._answer(404)

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        found = _UPLOAD.match(self.path)
        self._body()
        self._answer(202, location=f"/v2/{found[1]}/blobs/uploads/one")

    def do_PUT(self):
        body = self._body()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if found := _MANIFEST.fullmatch(self.path):
            for reference in (found[2], digest):
                self.server.manifests[found[1], reference] = body
            return self._answer(201, docker_content_digest=digest)
        self.server.blobs[digest] = body
        return self._answer(201, docker_content_digest=digest)
