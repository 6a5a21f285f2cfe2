"""The mock provider behind TLS: nginx with a certificate of an authority made for the run."""

import contextlib
import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks import peers, place
from cli.dev.ports import free_port

DAY = datetime.timedelta(days=1)
NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log crit;
events {{}}
http {{
  access_log off; client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
  fastcgi_temp_path {directory}/c; uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {directory}/leaf.pem; ssl_certificate_key {directory}/leaf.key;
    location / {{
      proxy_pass http://127.0.0.1:{provider}; proxy_http_version 1.1; proxy_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def behind_tls(directory: Path, provider: int) -> Iterator[tuple[int, Path]]:
    """Its port, and the authority's file for `SSL_CERT_FILE`. Raises `CannotBenchmark`."""
    nginx = peers.required("nginx", "nginx")
    directory.mkdir()
    authority = make_certificates(directory)
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, port=port, provider=provider))
    command = [nginx, "-c", str(config), "-p", str(directory)]
    with place.running(command, port, cores=place.OTHER_CORES, log=directory / "start.log"):
        yield port, authority


def make_certificates(directory: Path) -> Path:
    """An authority and what it signed for 127.0.0.1, valid for two days; gives the authority."""
    signing, serving = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = directory / "authority.pem"
    authority.write_bytes(_signed("authority", signing.public_key(), signing))
    (directory / "leaf.pem").write_bytes(_signed("127.0.0.1", serving.public_key(), signing))
    key = serving.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / "leaf.key").write_bytes(key)
    return authority


def _signed(
    name: str, key: ec.EllipticCurvePublicKey, signing: ec.EllipticCurvePrivateKey
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    is_authority = name == "authority"
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
