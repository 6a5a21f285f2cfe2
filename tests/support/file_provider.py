"""A provider of OpenAI's files and batches; a batch goes on until `finish`."""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CONTENT = re.compile(rb'name="file".*?\r\n\r\n(.*?)\r\n--', re.DOTALL)
_USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


class FileProvider:
    """A server; `files` and `batches` are what it keeps, `asked` the paths in order."""

    def __init__(self) -> None:
        provider = self
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._numbers = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._serve(self, b"")

            def do_DELETE(self) -> None:
                self.do_GET()

            def do_POST(self) -> None:
                provider._serve(self, self.rfile.read(int(self.headers["content-length"] or 0)))

            def log_message(self, *arguments: object) -> None:
                del arguments

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    def finish(self, batch_id: str) -> None:
        """All requests of the batch are answered."""
        batch = self.batches[batch_id]
        lines = []
        for line in self.files[batch["input_file_id"]].splitlines():
            asked = json.loads(line)
            body = {"object": "chat.completion", "model": asked["body"]["model"], "usage": _USAGE}
            answered = {"status_code": 200, "request_id": "r", "body": body}
            lines.append({"custom_id": asked["custom_id"], "response": answered, "error": None})
        output = self._keep(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        batch |= {"status": "completed", "output_file_id": output}

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{next(self._numbers)}"
        self.files[file_id] = content
        return file_id

    def _serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        status, answer = self._answer(handler.command, handler.path.split("/")[2:], body)
        sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)

    def _answer(self, method: str, path: list[str], body: bytes) -> tuple[int, Any]:
        match [method, *path]:
            case ["POST", "files"]:
                content = _CONTENT.search(body)
                assert content is not None
                return 200, self._file(self._keep(content[1]))
            case ["GET", "files", file_id] if file_id in self.files:
                return 200, self._file(file_id)
            case ["GET", "files", file_id, "content"] if file_id in self.files:
                return 200, self.files[file_id]
            case ["DELETE", "files", file_id] if file_id in self.files:
                del self.files[file_id]
                return 200, {"id": file_id, "object": "file", "deleted": True}
            case ["POST", "batches"]:
                batch_id = f"batch_{next(self._numbers)}"
                made = {"id": batch_id, "object": "batch", "status": "in_progress", "created_at": 1}
                self.batches[batch_id] = made | json.loads(body)
                return 200, self.batches[batch_id]
            case ["GET", "batches", batch_id] if batch_id in self.batches:
                return 200, self.batches[batch_id]
            case ["POST", "batches", batch_id, "cancel"] if batch_id in self.batches:
                self.batches[batch_id]["status"] = "cancelled"
                return 200, self.batches[batch_id]
        return 404, {"error": {"message": "No such thing", "type": "invalid_request_error"}}

    def _file(self, file_id: str) -> dict[str, Any]:
        size = len(self.files[file_id])
        return {
            "id": file_id,
            "object": "file",
            "bytes": size,
            "created_at": 1,
            "filename": "a.jsonl",
            "purpose": "batch",
            "status": "processed",
        }
