"""Routing rules of a level: which accounts may serve its requests, and what is asked then. Pure.

Each of organisation, team and key may set some; an account must satisfy those of all levels.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from common.domain.globs import matches

if TYPE_CHECKING:
    from common.domain.accounts import AccountRecord

# So many accounts a request is handed to admission at most.
CANDIDATES_MAX = 8
# Of which so many are left to other models, where a level names some.
FALLBACKS_MAX = 3

RoutingRule = Literal["account_id", "group_id", "regions"]


class Routing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One level's rules; None and empty rule nothing.

    `account_id` and `group_id` bind to an account, or to those of a group. `regions`, in lower
    case, are those of the accounts that may be asked: one without a region is in none.
    `fallbacks` are the models that are asked, in order, when no account can serve one that a name
    or glob matches. While a change is on its way (`narrowing.py`) `also` must admit an account too.
    """

    account_id: str | None = None
    group_id: str | None = None
    regions: tuple[str, ...] = ()
    fallbacks: dict[str, tuple[str, ...]] = {}
    also: "Routing | None" = None

    @property
    def binds(self) -> bool:
        """Whether it leaves any account out."""
        return bool(self.account_id or self.group_id or self.regions or self.also)

    def barred_by(
        self, account: "AccountRecord", groups: Mapping[str, Collection[str]]
    ) -> RoutingRule | None:
        """The rule that keeps the account from serving; None when it may. A group is its ids.

        A group that is not there has no accounts.
        """
        if self.account_id not in (None, account.id):
            return "account_id"
        if self.group_id is not None and account.id not in groups.get(self.group_id, ()):
            return "group_id"
        if self.regions and account.region.lower() not in self.regions:
            return "regions"
        return None if self.also is None else self.also.barred_by(account, groups)

    def fallbacks_of(self, model: str) -> tuple[str, ...] | None:
        """What is asked instead of the model: by its name, else by the longest glob."""
        if model in self.fallbacks:
            return self.fallbacks[model]
        found = [glob for glob in self.fallbacks if matches(glob, model)]
        return self.fallbacks[max(found, key=lambda glob: (len(glob), glob))] if found else None


# The one that records leave out.
NO_ROUTING = Routing()


def narrowed_routing(old: Routing, new: Routing) -> Routing:
    """What both of two stored ones admit; fallbacks are no right and stay the old ones."""
    if _admits_all_of(new, old):
        return old
    bound = msgspec.structs.replace(new, fallbacks=old.fallbacks)
    if not old.binds:
        return bound
    return msgspec.structs.replace(old, also=msgspec.structs.replace(bound, fallbacks={}))


def _admits_all_of(new: Routing, old: Routing) -> bool:
    regions = not new.regions or (bool(old.regions) and set(old.regions) <= set(new.regions))
    return (
        regions
        and new.account_id in (None, old.account_id)
        and new.group_id in (None, old.group_id)
    )
