"""Redis URLs: what they mean, and that a wrong one is named without its secret."""

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.state.address import InvalidRedisURL, RedisAddress
from common.state.client import RedisPyCommands
from common.state.connection import MultiplexedConnection

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "host", "port", "username", "password", "database"),
    [
        ("redis://localhost", "localhost", 6379, None, None, 0),
        ("redis://localhost/", "localhost", 6379, None, None, 0),
        ("redis://localhost:6380/3", "localhost", 6380, None, None, 3),
        ("redis://localhost?db=4", "localhost", 6379, None, None, 4),
        ("redis://:pw@10.0.0.1", "10.0.0.1", 6379, None, "pw", 0),
        ("redis://me:p%40s%2Fs%3A%25@h:1", "h", 1, "me", "p@s/s:%", 0),
        ("redis://m%40e:p@ss@h", "h", 6379, "m@e", "p@ss", 0),
        ("REDIS://[::1]:7000/0", "::1", 7000, None, None, 0),
        ("  redis://h/1\n", "h", 6379, None, None, 1),
    ],
)
def test_a_url_is_read(url, host, port, username, password, database):
    address = RedisAddress(url)
    assert (address.host, address.port) == (host, port)
    assert (address.username, address.password) == (username, password)
    assert address.database == database
    assert address.socket_path is None
    assert address.tls is None


def test_a_unix_socket_is_read():
    address = RedisAddress("unix://me:pw@/run/my%20redis.sock?db=2")
    assert address.socket_path == "/run/my redis.sock"
    assert (address.username, address.password, address.database) == ("me", "pw", 2)
    assert str(address) == "unix:///run/my redis.sock"


def test_sentinels_are_read():
    url = "redis+sentinel://me:p%40w@s1,s2:26380,[::1]:1/the%20primary/3"
    address = RedisAddress(url)
    assert address.nodes == (("s1", 26379), ("s2", 26380), ("::1", 1))
    assert (address.kind, address.primary, address.database) == ("sentinel", "the primary", 3)
    assert (address.username, address.password, address.tls) == ("me", "p@w", None)
    assert str(address) == "redis+sentinel://s1:26379,s2:26380,[::1]:1/the primary"
    assert RedisAddress("rediss+sentinel://s1/x?ssl_cert_reqs=none").tls.verify is False


def test_a_cluster_is_read():
    address = RedisAddress("rediss+cluster://:pw@a,b:7000/0")
    assert address.nodes == (("a", 6379), ("b", 7000))
    assert (address.kind, address.database, address.password) == ("cluster", 0, "pw")
    assert address.tls is not None
    assert str(address) == "rediss+cluster://a:6379,b:7000"


def test_tls_is_verified_unless_told_otherwise():
    tls = RedisAddress("rediss://h").tls
    assert (tls.verify, tls.check_hostname, tls.ca_file) == (True, True, None)
    tls = RedisAddress("rediss://h?ssl_cert_reqs=none").tls
    assert (tls.verify, tls.check_hostname) == (False, False)
    tls = RedisAddress("rediss://h?ssl_check_hostname=False&ssl_ca_certs=/a&ssl_certfile=/b").tls
    assert (tls.verify, tls.check_hostname) == (True, False)
    assert (tls.ca_file, tls.certificate_file, tls.key_file) == ("/a", "/b", None)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("", "must begin with redis://"),
        ("localhost:6379", "must begin with redis://"),
        ("http://h", "must begin with redis://"),
        ("redis://", "no host"),
        ("redis:///1", "no host"),
        ("redis://h:0", "port"),
        ("redis://h:70000", "port"),
        ("redis://h:port", "port"),
        (f"redis://:{SECRET}/tail@h", "port"),
        (f"redis://:12{SECRET}#tail@h", "#fragment"),
        (f"redis://:12?{SECRET}@h", "percent-encoded"),
        (f"redis://:12?{SECRET}=x@h", "unknown query parameter"),
        (f"redis://:12]{SECRET}[@h", "percent-encoded"),
        (f"redis://h/{SECRET}", "database"),
        ("redis://h/-1", "database"),
        ("redis://h/1/2", "database"),
        ("redis://h/1?db=2", "twice"),
        (f"redis://{SECRET}@h", "no password"),
        ("redis://h?db=x", "database"),
        ("redis://a,b", "several hosts"),
        ("unix+sentinel:///x", "must begin with"),
        ("redis+ring://h", "must begin with"),
        ("redis+sentinel://a,b", "no primary"),
        ("redis+sentinel://a,b/", "no primary"),
        ("redis+sentinel://a,,b/x", "no host"),
        ("redis+sentinel://a/x/y", "database"),
        ("redis+sentinel://a/x/1?db=2", "twice"),
        ("redis+cluster://a/1", "only the database 0"),
        ("redis+cluster://a?db=1", "only the database 0"),
        ("redis+cluster://a:x,b", "port"),
        ("redis+cluster://a,[::1", "cannot be read"),
        ("redis://h?ssl_cert_reqs=none", "rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "required or none"),
        ("rediss://h?ssl_check_hostname=maybe", "true or false"),
        ("rediss://h?ssl_keyfile=/k", "ssl_certfile"),
        ("unix://", "absolute path"),
        ("unix://run/redis.sock", "absolute path"),
        ("unix:///run/redis.sock?ssl_ca_certs=/x", "rediss://"),
    ],
)
def test_a_wrong_url_is_told_what_to_change(url, named):
    with pytest.raises(InvalidRedisURL, match="Redis URL") as caught:
        RedisAddress(url)
    assert named in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@given(st.text(min_size=1), st.text(min_size=1))
@example("ü\n", "a b\t%41")
def test_any_user_and_password_survive_percent_encoding(username, password):
    try:
        quoted = quote(username, safe=""), quote(password, safe="")
    except UnicodeEncodeError:
        return  # a lone surrogate has no encoding
    address = RedisAddress(f"redis://{quoted[0]}:{quoted[1]}@h:1/0")
    assert (address.username, address.password) == (username, password)


@given(st.text())
def test_any_text_is_an_address_or_a_clear_error(text):
    several = f"redis+cluster://a,{text}"
    for url in (text, f"redis://{text}", f"rediss://:{text}@h", f"unix:///{text}", several):
        with contextlib.suppress(InvalidRedisURL):  # nothing else, such as an IndexError
            RedisAddress(url)


@pytest.mark.parametrize("kind", [MultiplexedConnection, RedisPyCommands])
def test_no_representation_shows_the_password(kind):
    url = f"redis://me:{SECRET}@h:1/2"
    assert SECRET not in repr(RedisAddress(url)) + str(RedisAddress(url)) + repr(kind.from_url(url))
