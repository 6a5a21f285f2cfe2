"""Styles and scripts: packaged, named by a hash of their content, compressed once a process."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PREFIX = "/admin/assets"
_DIRECTORY = Path(__file__).parent / "assets"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A name changes with what it names, so nobody ever asks again.
_FOR_EVER = "public, max-age=31536000, immutable"
_HASH_DIGITS = 16


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent. `packed` is it in gzip."""

    media_type: str
    content: bytes
    packed: bytes
    name: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """All of them, by the file's name."""
    return {
        path.name: _asset(path) for path in sorted(_DIRECTORY.iterdir()) if path.suffix in _TYPES
    }


def address(file: str) -> str:
    """Where a file is found. Raises `KeyError`."""
    return f"{PREFIX}/{assets()[file].name}"


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in assets().values()}


def serve(request: Request, name: str) -> Response | None:
    """The asset of that hashed name; None: there is none."""
    asset = _by_name().get(name)
    if asset is None:
        return None
    headers = {
        "cache-control": _FOR_EVER,
        "content-type": asset.media_type,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.content, headers=headers)


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    return Asset(
        media_type=_TYPES[path.suffix],
        content=content,
        packed=gzip.compress(content, 9, mtime=0),
        name=f"{path.stem}.{digest}{path.suffix}",
    )
