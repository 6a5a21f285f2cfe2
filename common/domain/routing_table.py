"""The routing table: what an installation declares once for all keys, as `relay` reads it. Pure."""

import msgspec


class RoutingTable(msgspec.Struct, frozen=True, omit_defaults=True):
    """`groups`: of each group's id the ids of its accounts."""

    groups: dict[str, tuple[str, ...]] = {}


EMPTY_TABLE = RoutingTable()


def narrowed_table(old: RoutingTable, new: RoutingTable) -> RoutingTable:
    """The old table with the accounts that a group has under both."""
    groups = {
        group: tuple(one for one in ids if one in new.groups.get(group, ids))
        for group, ids in old.groups.items()
    }
    return msgspec.structs.replace(old, groups=groups)
