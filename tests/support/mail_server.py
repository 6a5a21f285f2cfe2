"""A mail server (RFC 5321) that takes what it is given, for tests."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """On a free port. `failing`: it takes nothing for now."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.failing = False
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 mail.example")
                recipients: list[str] = []
                while line := self.rfile.readline().decode().strip():
                    match line.partition(" ")[0].partition(":")[0].upper():
                        case "EHLO" | "HELO":
                            self._say("250 mail.example")
                        case "MAIL" if server.failing:
                            self._say("451 try again later")
                        case "RCPT":
                            recipients.append(line.partition("<")[2].partition(">")[0])
                            self._say("250 ok")
                        case "DATA":
                            self._say("354 go on")
                            body = b""
                            while (row := self.rfile.readline()) not in (b".\r\n", b""):
                                body += row
                            mail = message_from_bytes(body, policy=policy.default)
                            server.mails.append((recipients, mail))
                            self._say("250 taken")
                        case "QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 ok")

            def _say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
