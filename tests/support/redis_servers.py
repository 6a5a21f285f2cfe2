"""Redis servers with options of a test's own, and what stands between them and a client."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers import RedisServer


class TunedRedis(RedisServer):
    """A Redis whose configuration a test adds to, as in `TunedRedis(tmp, "--databases", "2")`."""

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(directory)
        self.options = list(options)

    def command_line(self) -> list[str]:
        """What `start` runs, for a test that does not want to wait until it is ready."""
        return self._command()

    def _command(self) -> list[str]:
        return [*super()._command(), *self.options]


class Proxy:
    """Forwards connections to Redis, and remembers what each chunk to the server was."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.chunks: list[bytes] = []


@contextlib.asynccontextmanager
async def proxied(redis_url: str, context: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """A proxy before `redis_url` (`proxy.url`); with a context it speaks TLS to clients."""
    from urllib.parse import urlsplit

    parts = urlsplit(redis_url)
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunks: list[bytes] | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if chunks is not None:
                    chunks.append(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        try:
            upstream = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            writer.close()
            return
        for work in (pipe(reader, upstream[1], proxy.chunks), pipe(upstream[0], writer, None)):
            task = asyncio.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    scheme = "rediss" if context else "redis"
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"{scheme}://:{parts.password}@127.0.0.1:{port}/0"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def self_signed(directory: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for that host or address, and its key: PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / f"{host}.crt", directory / f"{host}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
