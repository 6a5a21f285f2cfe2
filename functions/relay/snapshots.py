"""What this process remembers of keys and accounts between requests.

A snapshot only saves a round trip: `admit` verifies its versions on every request, so an old one
never serves a revoked key.
"""

from collections import OrderedDict

import msgspec

from common.accounts import UsableAccount, built_in_accounts, stored_accounts
from common.domain.admission import Stale
from common.domain.keys import KeyRecord
from common.domain.limits import NO_RULES, RuleSet, compile_rules
from common.domain.policies import (
    ORGANISATION,
    Applied,
    Level,
    Policy,
    key_scope,
    team_scope,
    user_scope,
)
from common.keyring import Keyring
from common.settings import BuiltInAccount

__all__ = ["KeySnapshot", "Snapshots", "UsableAccount"]

KEYS_MAX = 10_000

_key_decoder = msgspec.json.Decoder(KeyRecord)
_policy_decoder = msgspec.json.Decoder(Policy)


class KeySnapshot(msgspec.Struct):
    """A key's record, the policies that apply, and the versions that these have in Redis."""

    versions: str
    record: KeyRecord
    applied: tuple[Applied, ...]
    rules: RuleSet = NO_RULES

    def rules_at(self, moment_ms: int) -> RuleSet:
        """The rules of that moment, compiled once a period. Raises `UnknownTimezone`."""
        if not self.applied:
            return NO_RULES
        if self.rules is NO_RULES or not self.rules.holds_at(moment_ms):
            self.rules = compile_rules(self.applied, moment_ms)
        return self.rules


class Snapshots:
    """The keys last seen, bounded, and the accounts: those of the environment and of the store."""

    def __init__(self, built_in: tuple[BuiltInAccount, ...], keyring: Keyring) -> None:
        self._keyring = keyring
        self._keys: OrderedDict[str, KeySnapshot] = OrderedDict()
        self._built_in = built_in_accounts(built_in)
        self.accounts: list[UsableAccount] = self._built_in
        self.accounts_version = 0

    def key(self, key_hash: str) -> KeySnapshot | None:
        """The remembered record of a key."""
        snapshot = self._keys.get(key_hash)
        if snapshot is not None:
            self._keys.move_to_end(key_hash)
        return snapshot

    def forget(self, key_hash: str) -> None:
        """The key may not be used: its next request is verified before its body is read."""
        self._keys.pop(key_hash, None)

    def update(self, key_hash: str, current: Stale) -> KeySnapshot:
        """Remember what Redis says is current."""
        record = _key_decoder.decode(current.key_record)
        snapshot = KeySnapshot(current.versions, record, _applied(record, current.policies))
        self._keys[key_hash] = snapshot
        self._keys.move_to_end(key_hash)
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        if current.accounts_version != self.accounts_version:
            stored = stored_accounts(current.accounts_record, self._keyring)
            self.accounts = self._built_in + stored
            self.accounts_version = current.accounts_version
        return snapshot


def _applied(record: KeyRecord, policies: tuple[bytes, bytes, bytes]) -> tuple[Applied, ...]:
    """The policies that limit anything, from the outermost level in."""
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
    return tuple(one for one in found if not one.policy.is_empty)
