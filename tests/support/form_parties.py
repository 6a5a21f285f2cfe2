"""The two ends of a long form, byte by byte under a test's control: who sends it, who takes it."""

import contextlib
import queue
import re
import socket
import threading

from tests.support.forms import form_of

ANSWER = b'{"text":"hello","usage":{"type":"tokens","input_tokens":7,"output_tokens":3}}'


class Provider:
    """Keeps each request as it comes; `answers` say what is said, after how much of its body."""

    def __init__(self):
        self.heads, self.bodies, self.ended = [], [], []
        self.reading = threading.Event()
        self.reading.set()
        self.answers = queue.Queue()
        self.answer = ANSWER
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._server.close()
        self.reading.set()

    def header(self, name, number=-1):
        found = re.search(rf"(?im)^{name}: (.*?)\r$", self.heads[number])
        return found[1] if found else None

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        with connection, contextlib.suppress(OSError):
            while line := stream.readline():
                head = line
                while (line := stream.readline()) not in (b"\r\n", b""):
                    head += line
                self.heads.append(head.decode())
                self.bodies.append(bytearray())
                number = len(self.heads) - 1
                self.ended.append(None)
                self.ended[number] = self._read(stream, number, connection)

    def _read(self, stream, number, connection):
        status, early = (200, None) if self.answers.empty() else self.answers.get()
        body, length = self.bodies[number], self.header("content-length", number)
        answered = False
        while length is None or len(body) < int(length):
            self.reading.wait()
            if early is not None and len(body) >= early and not answered:
                answered = True
                self._answer(connection, status)
            if length is None:
                size = stream.readline()
                if not size:
                    return "cut"
                piece = stream.read(int(size, 16))
                stream.readline()
                if int(size, 16) == 0:
                    break
            else:
                piece = stream.read1(min(65536, int(length) - len(body)))
            if not piece:
                return "cut"
            body += piece
        if not answered:
            self._answer(connection, status)
        return "whole"

    def _answer(self, connection, status):
        body = self.answer if status == 200 else b'{"error":{"message":"no","type":"t"}}'
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


class Caller:
    """Sends a form piece by piece."""

    def __init__(self, relay, length=None, path="/v1/audio/transcriptions"):
        self.socket = socket.create_connection(("127.0.0.1", relay.port), timeout=30)
        self._chunked = length is None
        framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        head = (
            f"POST {path} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {relay.key}\r\n"
            f"content-type: {form_of().content_type}\r\n{framing}\r\n\r\n"
        )
        self.socket.sendall(head.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        if self._chunked:
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        self.socket.sendall(data)

    def end(self):
        if self._chunked:
            self.socket.sendall(b"0\r\n\r\n")

    def answer(self):
        """Status, headers and body."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.socket.recv(65536)
            assert piece, received
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        headers = {name.lower(): value for name, value in pairs}
        while len(body) < int(headers["content-length"]):
            body += self.socket.recv(65536)
        return int(head.split(b" ")[1]), headers, body
