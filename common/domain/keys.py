"""API keys: their form, their hash, and the record that admission reads.

A key is a prefix and 32 random bytes in base64url; only its SHA-256 is kept. With 256 bits of
entropy a plain hash needs no salt and no stretching.
"""

import hashlib

import msgspec

from common.domain.access import admits_model, admits_scope
from common.domain.policies import (
    NO_POLICY,
    ORGANISATION,
    Applied,
    Level,
    Policy,
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.refusals import Reason, Refusal, Refused

SHOWN_CHARACTERS = 8
PRESENTED_CHARACTERS_MAX = 512
# Unknown keys an address may present within a minute before none is looked up any more.
UNKNOWN_MAX = 20
_policy_decoder = msgspec.json.Decoder(Policy)


class KeyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `relay` knows of a key: the projection of the store's row into Redis, as JSON."""

    id: str
    user_id: str
    name: str = ""
    team_id: str | None = None
    scopes: list[str] = []
    models_allow: list[str] = []
    models_deny: list[str] = []
    # While a change of `models_allow` is on its way (`narrowing.py`): both must admit a model.
    models_allow_too: list[str] = []
    expires_at_ms: int | None = None
    # How many days the key lasts from its first admitted request on.
    activation_days: int | None = None
    tags: list[str] = []
    policy: Policy = NO_POLICY
    version: int = 0

    def allows_scope(self, scope: str) -> bool:
        """No scope named means all of them."""
        return admits_scope(self.scopes, scope)

    def allows_model(self, model: str, alias: str | None = None) -> bool:
        """See `admits_model`."""
        return admits_model(self.models_allow, self.models_deny, model, alias) and admits_model(
            self.models_allow_too, [], model, alias
        )


def policies_of(record: KeyRecord, policies: tuple[bytes, bytes, bytes]) -> tuple[Applied, ...]:
    """What is set for a key, from the outermost level in, its own last.

    `policies` are those of organisation, team and user as projected (JSON), empty for none.
    """
    scopes: tuple[tuple[Level, str], ...] = (
        ("organisation", ORGANISATION),
        ("team", team_scope(record.team_id) if record.team_id else ""),
        ("user", user_scope(record.user_id)),
    )
    found = [
        Applied(level, scope, _policy_decoder.decode(policy))
        for (level, scope), policy in zip(scopes, policies, strict=True)
        if policy
    ]
    if not record.policy.is_empty:
        found.append(Applied("key", key_scope(record.id), record.policy))
    return tuple(found)


def hash_key(secret: str) -> str:
    """SHA-256 of the whole key in hex: what is stored and looked up."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def key_prefix_of(secret: str, prefix: str) -> str:
    """What a list may show of a key so that its owner knows it again: prefix and 8 characters."""
    return secret[: len(prefix) + SHOWN_CHARACTERS]


def hash_presented(secret: str) -> str:
    """As `hash_key`, of what a caller presents. Raises `Refused` for what can be no key."""
    if len(secret) > PRESENTED_CHARACTERS_MAX:
        raise Refused(unknown_key())
    return hash_key(secret)


def check_unknown(count: int) -> None:
    """An address presented so many unknown keys. Raises `Refused` when that is too many."""
    if count > UNKNOWN_MAX:
        message = "Too many requests with unknown API keys from this address."
        raise Refused(Refusal(Reason.TOO_MANY_FAILURES, message, retry_after_ms=60_000))


def unknown_key() -> Refusal:
    """What the caller reads of a key that nobody knows."""
    return Refusal(Reason.UNKNOWN_KEY, "Incorrect API key provided.")
