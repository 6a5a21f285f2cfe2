"""What the Secrets of a release hold: what is kept stays, what is missing is given or made.

Pure but for the random source. A password that a server knows too (Postgres keeps it in its data
directory, Redis runs with it until it is restarted) is not replaced behind that server's back: a
value that differs from the kept one is a conflict with the commands to run.
"""

import base64
import hashlib
import secrets
import string
from collections.abc import Mapping
from typing import NamedTuple

from common.caller import EDGE_TOKEN_HEADER
from common.encryption_keys import KEY_BYTES, parse_keys
from common.settings import INTERNAL_SECRET_CHARACTERS_MIN, MASTER_KEY_CHARACTERS_MIN

MASTER_KEY = "PROXY_MASTER_KEY"
MASTER_KEY_CHARACTERS = 32
EDGE_TOKEN_CONF = "edge-token.conf"  # noqa: S105 - a file name
_EDGE_TOKEN = "RELAY_EDGE_TOKEN"  # noqa: S105 - a variable's name
_ENCRYPTION_KEYS = "RELAY_ENCRYPTION_KEYS"
_ADMIN = "admin"
_ALPHABET = string.ascii_letters + string.digits
# OWASP's figure for PBKDF2-HMAC-SHA256; a third of a second, once an upgrade.
_PASSPHRASE_ROUNDS = 600_000
_PASSPHRASE_SALT = b"relay encryption key"

# The file that gives a value -> the variable it becomes in `<release>-internal`.
_VARIABLES = {
    "internalSecret": "RELAY_INTERNAL_SECRET",
    "jwtSecret": "RELAY_JWT_SECRET",
    "databasePassword": "DATABASE_PASSWORD",
    "redisPassword": "REDIS_PASSWORD",
    "adminUsername": "RELAY_ADMIN_USERNAME",
    "adminPassword": "RELAY_ADMIN_PASSWORD",
}
NAMES = ("masterKey", "encryptionKey", *_VARIABLES)
_CHARACTERS_MIN = {
    "masterKey": MASTER_KEY_CHARACTERS_MIN,
    "internalSecret": INTERNAL_SECRET_CHARACTERS_MIN,
    "encryptionKey": 8,
    "adminPassword": 8,
}
Given = Mapping[str, str]


class Conflict(Exception):
    """A value is given that cannot just be stored; the text says what to do."""


class Plan(NamedTuple):
    """What to add to a Secret, and what to tell its operator."""

    added: dict[str, bytes]
    warnings: list[str]


def check(given: Given) -> None:
    """Whether all given values can be what they are for. Raises `Conflict` naming one."""
    for name, value in given.items():
        least = _CHARACTERS_MIN.get(name, 1)
        if len(value) < least:
            raise Conflict(f"{name} is too short: give at least {least} characters, or none")
        # Headers, nginx's configuration and connection URLs carry these.
        if not value.isprintable() or (name == "masterKey" and not value.isascii()):
            raise Conflict(f"{name} is not one line of printable {_charset(name)} characters")


def plan_master_key(kept: Mapping[str, bytes], given: Given, release: str, namespace: str) -> Plan:
    """What `<release>-master-key` lacks."""
    wanted = given.get("masterKey")
    present = kept.get(MASTER_KEY)
    if not present:
        return Plan({MASTER_KEY: (wanted or _random(MASTER_KEY_CHARACTERS)).encode()}, [])
    if wanted is None or wanted.encode() == present:
        return Plan({}, [])
    return Plan(
        {},
        [
            f"masterKey differs from the one that {release}-master-key keeps, which stays. To "
            f"replace it: relayctl master-key rotate --kubernetes --release {release} --namespace "
            f"{namespace}"
        ],
    )


def plan_internal(kept: Mapping[str, bytes], given: Given, release: str, namespace: str) -> Plan:
    """What `<release>-internal` lacks. Raises `Conflict`."""
    added: dict[str, bytes] = {}
    warnings: list[str] = []
    for name, key in _VARIABLES.items():
        wanted, present = given.get(name), kept.get(key)
        if not present:
            added[key] = (wanted or _made(name)).encode()
        elif wanted is not None and wanted.encode() != present:
            if name in ("databasePassword", "redisPassword"):
                raise Conflict(_about_password(name, release, namespace))
            warnings.append(_about_kept(name, key, release, namespace))
    keyring = _keyring(kept.get(_ENCRYPTION_KEYS, b""), given.get("encryptionKey"), release)
    if keyring is not None:
        added[_ENCRYPTION_KEYS] = keyring
    token = kept.get(_EDGE_TOKEN) or _random(MASTER_KEY_CHARACTERS).encode()
    if not kept.get(_EDGE_TOKEN):
        added[_EDGE_TOKEN] = token
    conf = _edge_token_conf(token, release)
    if not kept.get(EDGE_TOKEN_CONF):
        added[EDGE_TOKEN_CONF] = conf
    elif kept[EDGE_TOKEN_CONF] != conf:
        warnings.append(
            f"{EDGE_TOKEN_CONF} in {release}-internal carries another token than {_EDGE_TOKEN}: "
            f"functions do not believe the edge. Take {EDGE_TOKEN_CONF} out of the Secret and run "
            "this again"
        )
    return Plan(added, warnings)


def encryption_key(text: str) -> bytes:
    """The 32 bytes that a given `encryptionKey` stands for, always the same ones.

    32 bytes in base64 (`openssl rand -base64 32`) or in hexadecimal (`openssl rand -hex 32`) are
    taken as they are; anything else is a passphrase, stretched by PBKDF2-HMAC-SHA256 (RFC 8018).
    """
    for decode in (_from_base64, bytes.fromhex):
        try:
            key = decode(text)
        except ValueError:
            continue
        if len(key) == KEY_BYTES:
            return key
    return hashlib.pbkdf2_hmac("sha256", text.encode(), _PASSPHRASE_SALT, _PASSPHRASE_ROUNDS)


def _keyring(kept: bytes, given: str | None, release: str) -> bytes | None:
    """The keyring with the given key in front; None when it can stay as it is.

    A key that is in it at any place leaves it alone, so that a value left behind in the chart's
    values does not come back in front of a key that the operator has added since.
    """
    try:
        ring = parse_keys(kept.decode())
    except ValueError as error:
        raise Conflict(
            f"{_ENCRYPTION_KEYS} in {release}-internal is no keyring, which is {error}. Repair it: "
            "what it sealed cannot be opened otherwise"
        ) from None
    if given is None and ring:
        return None
    key = secrets.token_bytes(KEY_BYTES) if given is None else encryption_key(given)
    if key in [known for _, known in ring]:
        return None
    # The id stands with what is sealed, so it is the key's own; a tag of it tells nothing of it.
    key_id = "k" + hashlib.sha256(b"relay key id" + key).hexdigest()[:10]
    entry = f"{key_id}:{base64.b64encode(key).decode()}"
    return ",".join(filter(None, (entry, kept.decode().strip()))).encode()


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _edge_token_conf(token: bytes, release: str) -> bytes:
    if not token.isalnum():
        raise Conflict(
            f"{_EDGE_TOKEN} in {release}-internal has other characters than ASCII letters and "
            "digits: take it out of the Secret and run this again"
        )
    return f'proxy_set_header {EDGE_TOKEN_HEADER} "{token.decode()}";\n'.encode()


def _made(name: str) -> str:
    return _ADMIN if name == "adminUsername" else _random(48)


def _random(characters: int) -> str:
    # Letters and digits only: they need no escaping in URLs, shells and configuration files.
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))


def _charset(name: str) -> str:
    return "ASCII" if name == "masterKey" else "Unicode"


def _about_kept(name: str, key: str, release: str, namespace: str) -> str:
    if name == "internalSecret":
        return (
            f"internalSecret differs from the one that {release}-internal keeps, which stays: "
            "events on their way are signed with it and accounts without an encryption key are "
            "sealed with it"
        )
    return (
        f"{name} differs from the one that {release}-internal keeps, which stays. To replace it:\n"
        f"  {_patch(key, release, namespace)}"
    )


def _about_password(name: str, release: str, namespace: str) -> str:
    ours = f"app.kubernetes.io/instance={release},app.kubernetes.io/component"
    if name == "databasePassword":
        server = "Postgres keeps its password in its data directory"
        change = (
            f"printf \"ALTER ROLE relay PASSWORD :'p'\" | kubectl -n {namespace} exec -i "
            f'statefulset/{release}-postgresql -- psql -U relay -d relay -v p="$NEW"'
        )
        key, after = "DATABASE_PASSWORD", ""
    else:
        server = "Redis runs with its password until it is restarted"
        change = ""
        key = "REDIS_PASSWORD"
        after = f"kubectl -n {namespace} rollout restart statefulset/{release}-redis"
    commands = ["read -rs NEW", change, _patch(key, release, namespace), after]
    # The functions' pods: they read the password when they start.
    commands.append(f"kubectl -n {namespace} delete pod -l '{ours} notin (postgresql,redis,edge)'")
    lines = "\n".join(f"  {command}" for command in commands if command)
    return (
        f"{name} differs from the one that {release}-internal keeps. {server}, so nothing was "
        f"changed.\nLeave the value out to keep the password, or replace it (`read` takes the new "
        f"one):\n{lines}\nThen run this again."
    )


def _patch(key: str, release: str, namespace: str) -> str:
    encoded = """$(printf %s "$NEW" | base64 | tr -d '\\n')"""
    return (
        f"kubectl -n {namespace} patch secret {release}-internal -p "
        f'"{{\\"data\\":{{\\"{key}\\":\\"{encoded}\\"}}}}"'
    )
