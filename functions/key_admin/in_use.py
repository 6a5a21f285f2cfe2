"""Who hinders a deletion, in the words of the answer that refuses it."""

from collections.abc import Sequence

from common.store.directory import Member

# So many are named, and how many more there are.
NAMED_MAX = 10


def named(members: Sequence[Member], total: int) -> str:
    """`user 'ada', key 'ci' (01M8…) and 3 more`."""
    shown = ", ".join(_named(one) for one in members)
    more = total - len(members)
    return f"{shown} and {more} more" if more else shown


def _named(one: Member) -> str:
    # A user's id is what everybody calls them by; keys may share a name.
    return f"user {one.id!r}" if one.kind == "user" else f"key {one.name!r} ({one.id})"
