"""`python -m echo_provider`: run the server until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys

from echo_provider.server import EchoServer


def main(arguments: list[str] | None = None) -> int:
    """Run; gives the exit code: 0 after a signal, 1 when the address cannot be listened on."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options.host, options.port))
    except OSError as error:
        sys.stderr.write(f"echo provider: cannot listen: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m echo_provider",
        description="A provider to test against: the providers' HTTP APIs, echoing, "
        "with faults on request. echo_provider/README.md lists endpoints and faults.",
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port to listen on")
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    return parser


async def _run(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready() -> None:
        sys.stdout.write(f"echo provider listens on http://{host}:{port}\n")
        sys.stdout.flush()

    await EchoServer().run(host, port, stop, ready)


if __name__ == "__main__":
    sys.exit(main())
