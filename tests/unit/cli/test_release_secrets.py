import base64
import hashlib
import json
import os
import subprocess

import pytest

from cli.kubernetes.release_secrets import (
    Conflict,
    check,
    encryption_key,
    plan_internal,
    plan_master_key,
)
from common.caller import caller_address
from common.encryption_keys import parse_keys
from common.settings import relay_settings

RING = "RELAY_ENCRYPTION_KEYS"


def internal(kept=None, **given):
    return plan_internal(kept or {}, given, "relay", "llm")


def test_everything_is_made_and_functions_take_it():
    added, warnings = internal()
    assert warnings == []
    assert set(added) == {
        *("RELAY_INTERNAL_SECRET", "RELAY_JWT_SECRET", "RELAY_EDGE_TOKEN", "edge-token.conf"),
        *("DATABASE_PASSWORD", "REDIS_PASSWORD", "RELAY_ADMIN_USERNAME", "RELAY_ADMIN_PASSWORD"),
        RING,
    }
    settings = relay_settings(
        {
            "RELAY_REDIS_URL": "redis://redis",
            "RELAY_DATABASE_URL": "postgresql://postgres/relay",
            **{name: value.decode() for name, value in added.items()},
        }
    )
    assert len(settings.encryption_keys) == 1
    token = added["RELAY_EDGE_TOKEN"].decode()
    directive, header, value = added["edge-token.conf"].decode().rstrip(";\n").split()
    assert (directive, value) == ("proxy_set_header", f'"{token}"')
    scope = {
        "client": ("10.0.0.1", 1),
        "headers": [(header.lower().encode(), token.encode()), (b"x-forwarded-for", b"1.2.3.4")],
    }
    assert caller_address(scope, token) == "1.2.3.4"
    again = internal(added)
    assert again.added == {}
    assert internal()[0]["DATABASE_PASSWORD"] != added["DATABASE_PASSWORD"]


def test_given_values_are_stored_as_they_are():
    added, _ = internal(jwtSecret="j w t", databasePassword="p@ss/%", adminUsername="root")
    assert added["RELAY_JWT_SECRET"] == b"j w t"
    assert added["DATABASE_PASSWORD"] == b"p@ss/%"
    assert added["RELAY_ADMIN_USERNAME"] == b"root"


def test_the_master_key_has_32_characters_or_is_the_given_one():
    made = plan_master_key({}, {}, "relay", "llm").added["PROXY_MASTER_KEY"].decode()
    assert len(made) == 32
    assert made.isalnum()
    given = plan_master_key({}, {"masterKey": "my own key"}, "relay", "llm")
    assert given.added == {"PROXY_MASTER_KEY": b"my own key"}


def test_another_master_key_is_a_warning_that_says_how_to_rotate():
    kept = {"PROXY_MASTER_KEY": b"the kept one"}
    plan = plan_master_key(kept, {"masterKey": "another one"}, "relay", "llm")
    assert plan.added == {}
    (warning,) = plan.warnings
    assert "relayctl master-key rotate --kubernetes --release relay --namespace llm" in warning
    assert "another one" not in warning
    assert "the kept one" not in warning
    assert plan_master_key(kept, {"masterKey": "the kept one"}, "relay", "llm") == ({}, [])


@pytest.mark.parametrize(
    ("name", "key", "command"),
    [
        ("databasePassword", "DATABASE_PASSWORD", "ALTER ROLE relay PASSWORD"),
        ("redisPassword", "REDIS_PASSWORD", "rollout restart statefulset/relay-redis"),
    ],
)
def test_another_password_of_a_store_stops_with_the_commands(name, key, command):
    kept = internal().added
    assert internal(kept, **{name: kept[key].decode()}).added == {}
    with pytest.raises(Conflict) as raised:
        internal(kept, **{name: "a new password"})
    assert command in str(raised.value)
    assert "patch secret relay-internal -p " in str(raised.value)
    assert key in str(raised.value)
    assert "a new password" not in str(raised.value)
    assert kept[key].decode() not in str(raised.value)


def test_what_else_differs_stays_with_a_warning():
    kept = internal().added
    added, warnings = internal(
        kept, internalSecret="x" * 32, jwtSecret="other", adminPassword="a new one"
    )
    assert added == {}
    assert [warning.partition(" ")[0] for warning in warnings] == [
        "internalSecret",
        "jwtSecret",
        "adminPassword",
    ]
    assert not any("a new one" in warning for warning in warnings)


def test_another_encryption_key_is_put_in_front_and_comes_back_never():
    kept = internal().added
    first = parse_keys(kept[RING].decode())
    added, _ = internal(kept, encryptionKey="correct horse battery staple")
    ring = parse_keys(added[RING].decode())
    assert ring[1:] == first
    assert ring[0][1] == encryption_key("correct horse battery staple")
    kept |= added
    assert internal(kept, encryptionKey="correct horse battery staple").added == {}
    # The operator puts a further one in front by hand; the value stays in the chart's values.
    mine = f"mine:{base64.b64encode(bytes(32)).decode()},"
    kept[RING] = mine.encode() + kept[RING]
    assert internal(kept, encryptionKey="correct horse battery staple").added == {}


def test_a_keyring_is_repaired_by_nobody_but_its_owner():
    with pytest.raises(Conflict, match="is no keyring"):
        internal(internal().added | {RING: b"what is this"}, encryptionKey="12345678")


def test_what_an_encryption_key_may_be():
    raw = bytes(range(32))
    assert encryption_key(base64.b64encode(raw).decode()) == raw
    assert encryption_key(raw.hex()) == raw
    stretched = encryption_key("your-encryption-key")
    assert stretched == hashlib.pbkdf2_hmac(
        "sha256", b"your-encryption-key", b"relay encryption key", 600_000
    )
    assert encryption_key(base64.b64encode(raw[:16]).decode()) not in (raw, stretched)


def test_what_is_missing_is_added_and_the_rest_kept():
    kept = internal().added
    token = kept["RELAY_EDGE_TOKEN"]
    lacking = {key: kept[key] for key in kept if key not in ("edge-token.conf", "REDIS_PASSWORD")}
    added = internal(lacking | {"RELAY_JWT_SECRET": b""}).added
    assert set(added) == {"edge-token.conf", "REDIS_PASSWORD", "RELAY_JWT_SECRET"}
    assert token in added["edge-token.conf"]


def test_an_edge_file_with_another_token_is_said():
    kept = internal().added | {"RELAY_EDGE_TOKEN": b"replaced"}
    added, (warning,) = internal(kept)
    assert added == {}
    assert "functions do not believe the edge" in warning
    with pytest.raises(Conflict, match="RELAY_EDGE_TOKEN"):
        internal(kept | {"RELAY_EDGE_TOKEN": b'"; evil'})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("masterKey", "tiny", "at least 16 characters"),
        ("masterKey", "ключ ключ ключ ключ", "printable ASCII"),
        ("internalSecret", "tiny", "at least 32 characters"),
        ("databasePassword", "two\nlines", "one line"),
    ],
)
def test_what_a_value_cannot_be(name, value, said):
    with pytest.raises(Conflict, match=said) as raised:
        check({name: value})
    assert value not in str(raised.value)


def test_the_command_that_stores_a_new_password_works_in_a_shell():
    """With a password that needs quoting, and a kubectl that only shows its last argument."""
    with pytest.raises(Conflict) as raised:
        internal(internal().added, databasePassword="another")
    (command,) = [line for line in str(raised.value).splitlines() if " patch secret " in line]
    password = """it's "a" $pass\\word/with much to quote, and longer than one line of base64"""
    shell = f"""kubectl() {{ printf %s "${{@: -1}}"; }}\n{command.strip()}"""
    ran = subprocess.run(
        ["bash", "-c", shell],
        env={"NEW": password, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    (encoded,) = json.loads(ran.stdout)["data"].values()
    assert base64.b64decode(encoded).decode() == password
