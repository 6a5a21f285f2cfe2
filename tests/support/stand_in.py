"""A small HTTP server in a process of its own, in the place of a function.

`python -m tests.support.stand_in PORT [never-ready]`. GET /slow answers after a second, also
when SIGTERM comes in between; GET /exit ends the process with code 3.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    never_ready = False

    def do_GET(self) -> None:
        if self.path == "/exit":
            os._exit(3)
        if self.path == "/slow":
            sys.stdout.write("asked\n")
            sys.stdout.flush()
            time.sleep(1)
        status = 503 if self.never_ready and self.path == "/health/ready" else 200
        body = str(os.getpid()).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def main() -> None:
    Handler.never_ready = "never-ready" in sys.argv
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = False
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start()
    )
    server.serve_forever(poll_interval=0.05)
    server.server_close()  # joins the threads: open requests end
    sys.stdout.write(f"ended in order {time.monotonic_ns()}\n")


if __name__ == "__main__":
    main()
