"""What this process remembers of keys and accounts between requests.

A snapshot only saves a round trip: `admit` verifies its versions on every request, so an old one
never serves a revoked key.
"""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from common.accounts import UsableAccount, built_in_accounts, stored_accounts
from common.domain.accounts import account_limits
from common.domain.admission import Stale
from common.domain.content_rules import ContentRules
from common.domain.keys import KeyRecord, policies_of
from common.domain.limits import NO_MARKS, NO_RULES, RuleSet, compile_rules
from common.domain.periods import Calendar
from common.domain.policies import (
    DEFAULT_GONE,
    NO_POLICY,
    Applied,
    AppliedGone,
    Level,
    Limits,
    Policy,
    UnpricedModels,
    client_gone_of,
    key_scope,
)
from common.domain.routing import NO_ROUTING
from common.environment_accounts import BuiltInAccount
from common.keyring import Keyring

__all__ = ["KeySnapshot", "Snapshots", "UsableAccount"]

KEYS_MAX = 10_000
# Of what levels say of content, each kept once, with what was compiled from it.
CONTENT_MAX = 1_000

_key_decoder = msgspec.json.Decoder(KeyRecord)


class KeySnapshot(msgspec.Struct):
    """A key's record, the policies that apply, and the versions that these have in Redis.

    `applied` are those that limit something, `access` those with access rules,
    `routing` those with rules of routing, `content` what is said of content, nearest first.
    """

    versions: str
    record: KeyRecord
    applied: tuple[Applied, ...]
    access: tuple[Applied, ...] = ()
    routing: tuple[Applied, ...] = ()
    content: tuple[ContentRules, ...] = ()
    rules: RuleSet = NO_RULES
    client_gone: AppliedGone = DEFAULT_GONE
    # What its team says of models without a price, else the organisation; None: neither.
    unpriced_models: UnpricedModels | None = None
    marks: Mapping[Level, tuple[int, ...]] = NO_MARKS

    def rules_at(self, moment_ms: int) -> RuleSet:
        """The rules of that moment, compiled once a period. Raises `UnknownTimezone`."""
        if not self.applied:
            return NO_RULES
        if self.rules is NO_RULES or not self.rules.holds_at(moment_ms):
            self.rules = compile_rules(self.applied, moment_ms, self.marks)
        return self.rules


class Snapshots:
    """The keys last seen, bounded, and the accounts: those of the environment and of the store."""

    def __init__(
        self,
        built_in: tuple[BuiltInAccount, ...],
        keyring: Keyring,
        marks: Mapping[Level, tuple[int, ...]] = NO_MARKS,
        *,
        default_token_limit: int = 0,
    ) -> None:
        self._default_token_limit = default_token_limit
        self._keyring = keyring
        self._marks = marks
        self._keys: OrderedDict[str, KeySnapshot] = OrderedDict()
        self._built_in = built_in_accounts(built_in)
        self.accounts: list[UsableAccount] = self._built_in
        self.accounts_version = 0
        self._account_rules: dict[str, tuple[Policy, RuleSet]] = {}
        self._content: OrderedDict[bytes, ContentRules] = OrderedDict()

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
        found = policies_of(record, current.policies)
        snapshot = KeySnapshot(
            current.versions,
            record,
            self._limiting(record, found),
            tuple(one for one in found if not one.policy.access.is_empty),
            tuple(one for one in found if one.policy.routing != NO_ROUTING),
            content=self._content_of(found),
            client_gone=client_gone_of(found),
            marks=self._marks,
            unpriced_models=_unpriced(found),
        )
        self._keys[key_hash] = snapshot
        self._keys.move_to_end(key_hash)
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        if current.accounts_version != self.accounts_version:
            stored = stored_accounts(current.accounts_record, self._keyring)
            self.accounts = self._built_in + stored
            self.accounts_version = current.accounts_version
            self._account_rules = {}
        return snapshot

    def rules_of(self, account: UsableAccount, moment_ms: int) -> RuleSet:
        """The account's own rules of that moment, compiled once a period."""
        if account.policy is NO_POLICY:
            return NO_RULES
        known, rules = self._account_rules.get(account.id, (None, NO_RULES))
        # A request that came before a change may still ask for what held then.
        if known is not account.policy or not rules.holds_at(moment_ms):
            rules = compile_rules((account_limits(account),), moment_ms, self._marks)
            self._account_rules[account.id] = account.policy, rules
        return rules

    def _content_of(self, applied: tuple[Applied, ...]) -> tuple[ContentRules, ...]:
        """What the levels say of content, nearest first; one object for what many keys share."""
        said = [one.policy.content for one in reversed(applied) if not one.policy.content.is_empty]
        return tuple(self._shared(rules) for rules in said)

    def _shared(self, rules: ContentRules) -> ContentRules:
        text = msgspec.json.encode(rules)
        shared = self._content.setdefault(text, rules)
        self._content.move_to_end(text)
        if len(self._content) > CONTENT_MAX:
            self._content.popitem(last=False)
        return shared

    def _limiting(self, record: KeyRecord, applied: tuple[Applied, ...]) -> tuple[Applied, ...]:
        """Those that limit something; tokens a day by default where none limits them."""
        limiting = tuple(one for one in applied if one.policy.counts)
        most = self._default_token_limit
        if not most or any(one.policy.limits.tokens_per_day is not None for one in limiting):
            return limiting
        calendars = [one.policy.calendar for one in applied if one.level == "organisation"]
        policy = Policy(Limits(tokens_per_day=most), calendar=(*calendars, Calendar())[0])
        return (*limiting, Applied("default", key_scope(record.id), policy))


def _unpriced(found: tuple[Applied, ...]) -> UnpricedModels | None:
    said = [one.policy.unpriced_models for one in found if one.policy.unpriced_models is not None]
    return said[-1] if said else None
