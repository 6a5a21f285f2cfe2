"""Where Redis is: URLs, read once and never shown with their password."""

from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

DEFAULT_PORT = 6379

_EXAMPLE = "e.g. redis://:password@127.0.0.1:6379/0"
_SCHEMES = ("redis", "rediss", "unix")
# How the node is found: it is named, or Sentinels are asked, or a Cluster says where it moved.
_KINDS = ("", "sentinel", "cluster")
SENTINEL_PORT = 26379
_TLS_PARAMETERS = frozenset(
    ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
)
_ENCODE = "in user names and passwords write @ : / ? # [ ] % percent-encoded"
_UNREADABLE = f"the Redis URL cannot be read: {_ENCODE}; {_EXAMPLE}"


class InvalidRedisURL(ValueError):
    """The URL names no Redis. The text says what to change and repeats nothing of the URL."""


class TLSOptions:
    """How a server proves who it is, and how we do. Files are PEM; names as in redis-py's URLs."""

    __slots__ = ("ca_file", "certificate_file", "check_hostname", "key_file", "verify")

    def __init__(self, parameters: dict[str, str]) -> None:
        self.ca_file = parameters.get("ssl_ca_certs") or None
        self.certificate_file = parameters.get("ssl_certfile") or None
        self.key_file = parameters.get("ssl_keyfile") or None
        self.verify = _choice(parameters, "ssl_cert_reqs", {"required": True, "none": False})
        check = _choice(parameters, "ssl_check_hostname", {"true": True, "false": False})
        self.check_hostname = self.verify and check
        if self.key_file is not None and self.certificate_file is None:
            raise InvalidRedisURL("the Redis URL gives ssl_keyfile without ssl_certfile")


class RedisAddress:
    """A parsed URL: `redis://`, `rediss://` (TLS) or `unix://`.

    `redis[s]://[[user]:password@]host[:port][/database]` or
    `unix://[[user]:password@]/path/of/socket[?db=0]`, percent-decoded. `rediss://` understands
    `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (paths), `ssl_cert_reqs` (required or none) and
    `ssl_check_hostname` (true or false) in its query.

    `redis[s]+sentinel://[[user]:password@]host[:port],…/primary's name[/database]`: the hosts are
    Sentinels (port 26379). `redis[s]+cluster://[[user]:password@]host[:port],…`: the hosts are
    some nodes of a Cluster; the node that serves our one hash tag is found by its answers. Then
    `kind` is `sentinel` or `cluster`, `nodes` are the hosts, `host` and `port` the first of them.
    """

    __slots__ = (
        *("database", "host", "kind", "nodes", "password", "port", "primary", "socket_path"),
        *("tls", "username"),
    )

    def __init__(self, url: str) -> None:
        try:
            parts, hosts = _split(url.strip())
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:  # whose text would show parts of the URL
            raise InvalidRedisURL(_UNREADABLE) from None
        scheme, _, self.kind = parts.scheme.partition("+")
        if scheme not in _SCHEMES or self.kind not in _KINDS or (self.kind and scheme == "unix"):
            raise InvalidRedisURL(
                f"the Redis URL must begin with redis://, rediss:// or unix://, {_EXAMPLE}"
            )
        if parts.fragment:
            raise InvalidRedisURL(f"the Redis URL has a #fragment: {_ENCODE}")
        parameters = _parameters(query, scheme)
        self.username = unquote(parts.username or "") or None
        self.password = unquote(parts.password or "") or None
        if self.username is not None and self.password is None:
            raise InvalidRedisURL(f"the Redis URL has a user name but no password, {_EXAMPLE}")
        self.tls = TLSOptions(parameters) if scheme == "rediss" else None
        self.socket_path: str | None = None
        self.host, self.port, self.primary = "", 0, ""
        self.nodes: tuple[tuple[str, int], ...] = ()
        if scheme == "unix":
            self.socket_path = _socket_path(parts)
            self.database = _database(parameters.get("db", ""))
            return
        port = SENTINEL_PORT if self.kind == "sentinel" else DEFAULT_PORT
        self.nodes = _nodes(parts.scheme, hosts, port)
        self.host, self.port = self.nodes[0]
        in_path = parts.path.removeprefix("/")
        if self.kind == "sentinel":
            name, _, in_path = in_path.partition("/")
            self.primary = unquote(name)
            if not name:
                raise InvalidRedisURL(
                    "the Redis URL names Sentinels but no primary: "
                    "redis+sentinel://sentinel-1,sentinel-2/mymaster/0"
                )
        if in_path and "db" in parameters:
            raise InvalidRedisURL("the Redis URL gives the database twice: in its path and as db=")
        self.database = _database(in_path or parameters.get("db", ""))
        if self.kind == "cluster" and self.database:
            raise InvalidRedisURL(
                "the Redis URL names a Cluster, which has only the database 0: take the other away"
            )

    def __str__(self) -> str:
        if self.socket_path is not None:
            return f"unix://{self.socket_path}"
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes
        )
        scheme = ("rediss" if self.tls else "redis") + (f"+{self.kind}" if self.kind else "")
        return f"{scheme}://{hosts}" + (f"/{self.primary}" if self.primary else "")

    def __repr__(self) -> str:
        return f"RedisAddress({str(self)!r}, database={self.database})"


def _parameters(query: list[tuple[str, str]], scheme: str) -> dict[str, str]:
    known = {"db"} | (_TLS_PARAMETERS if scheme == "rediss" else set())
    for name, _ in query:
        if name in _TLS_PARAMETERS and scheme != "rediss":
            raise InvalidRedisURL(f"{name} in the Redis URL needs rediss://, not {scheme}://")
        if name not in known:  # not repeated: it may be the rest of a password
            raise InvalidRedisURL(
                f"the Redis URL has an unknown query parameter; {scheme}:// knows "
                f"{', '.join(sorted(known))} ({_ENCODE})"
            )
    return dict(query)


def _choice(parameters: dict[str, str], name: str, choices: dict[str, bool]) -> bool:
    given = parameters.get(name, next(iter(choices))).lower()
    if given not in choices:
        raise InvalidRedisURL(f"{name} in the Redis URL must be {' or '.join(choices)}")
    return choices[given]


def _socket_path(parts: SplitResult) -> str:
    path = unquote(parts.path)
    if parts.hostname or not PurePosixPath(path).is_absolute() or path == "/":
        raise InvalidRedisURL(
            "a unix:// Redis URL needs the socket's absolute path, e.g. unix:///run/redis.sock?db=0"
        )
    return path


def _split(url: str) -> tuple[SplitResult, str]:
    """The URL's parts with one host at the most, and all its hosts. Raises `ValueError`.

    Pythons that check brackets (CVE-2025-0938) take no list of hosts that has an IPv6 address.
    """
    begun, slashes, rest = url.partition("//")
    end = next((place for place, one in enumerate(rest) if one in "/?#"), len(rest))
    user, at, hosts = rest[:end].rpartition("@")
    first = hosts.partition(",")[0]
    return urlsplit(f"{begun}{slashes}{user}{at}{first}{rest[end:]}"), hosts


def _nodes(scheme: str, hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    if "," in hosts and "+" not in scheme:
        raise InvalidRedisURL(
            "several hosts in the Redis URL need redis+sentinel:// or redis+cluster://"
        )
    return tuple(_host_and_port(host, default_port) for host in hosts.split(","))


def _host_and_port(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
    except ValueError:
        raise InvalidRedisURL(_UNREADABLE) from None
    try:
        port = parts.port
    except ValueError:  # whose text would show what may be a piece of the password
        port = 0
    if port == 0:
        raise InvalidRedisURL(f"the Redis URL's port must be 1 to 65535 ({_ENCODE})")
    if not parts.hostname:
        raise InvalidRedisURL(f"the Redis URL names no host, {_EXAMPLE}")
    return unquote(parts.hostname), port or default_port


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise InvalidRedisURL(
            f"the Redis URL's database must be a number such as 0: {_EXAMPLE} ({_ENCODE})"
        )
    return int(text)
