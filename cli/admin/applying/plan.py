"""What differs between a configuration and an installation, in the file's own words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

from cli.admin.applying.configuration import InvalidConfiguration
from cli.admin.applying.kinds import (
    KINDS,
    SECRET,
    Kind,
    faults_of,
    normal,
    secret_paths,
    without,
)

Action = Literal["create", "change", "remove"]
Items = Callable[[str], Iterable[dict[str, Any]]]


class Difference(msgspec.Struct, frozen=True):
    """A member that is to be another one."""

    member: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """One thing to be made, changed or taken away; `members` are what is sent, in names."""

    action: Action
    kind: Kind
    name: str
    id: str
    differences: tuple[Difference, ...] = ()
    members: dict[str, Any] = {}


class Present(msgspec.Struct):
    """What an installation has: by kind and name its id and members, as the file would say them."""

    ids: dict[str, dict[str, str]] = {}
    members: dict[str, dict[str, dict[str, Any]]] = {}
    # Names that several things have: none of them can be meant.
    ambiguous: dict[str, set[str]] = {}

    def name_of(self, section: str, identifier: str) -> str:
        """What the file calls it; the id itself of what is not there."""
        return next(
            (name for name, one in self.ids.get(section, {}).items() if one == identifier),
            identifier,
        )


def read_present(items: Items, organisation: dict[str, Any], sections: Iterable[str]) -> Present:
    """All that the file's sections and their references may speak of."""
    present = Present()
    wanted = set(sections)
    for kind in KINDS:
        if kind.section in wanted:
            wanted |= {one.kind for one in kind.references if one.kind}
            wanted |= {"teams"} if kind.section == "aliases" else set()
    raw: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in KINDS:
        if kind.section not in wanted:
            continue
        if kind.section == "organisation":
            raw["organisation"] = {"organisation": organisation}
            continue
        ids = present.ids.setdefault(kind.section, {})
        found = raw.setdefault(kind.section, {})
        for item in items(kind.path):
            name: str = item[kind.name_member or "name"]
            if kind.section == "accounts":
                ids.setdefault(name, item["id"])  # built-in ones can be named, too
            if not kind.is_ours(item):
                continue
            if name in found:
                present.ambiguous.setdefault(kind.section, set()).add(name)
            found[name] = item
            ids[name] = item.get("id", name)
    for kind in KINDS:
        present.members[kind.section] = {
            name: _in_words(kind, item, present) for name, item in raw.get(kind.section, {}).items()
        }
    return present


def _in_words(kind: Kind, item: dict[str, Any], present: Present) -> dict[str, Any]:
    members = dict(item)
    for one in kind.references:
        value = members.pop(one.sent, None)
        if not one.kind:
            members[one.member] = value
        elif one.many:
            members[one.member] = [present.name_of(one.kind, each) for each in value or []]
        else:
            members[one.member] = None if value is None else present.name_of(one.kind, value)
    if kind.section == "aliases":
        members["rules"] = renamed_rules(
            members["rules"], lambda one: present.name_of("teams", one)
        )
    return members


def renamed_rules(rules: Any, renamed: Callable[[str], str]) -> Any:
    """The rules of an alias with their teams called otherwise."""
    return [
        rule | {"when": rule["when"] | {"teams": [renamed(one) for one in rule["when"]["teams"]]}}
        if isinstance(rule, dict)
        and isinstance(rule.get("when"), dict)
        and rule["when"].get("teams")
        else rule
        for rule in rules
    ]


def plan(
    declared: Mapping[str, dict[str, Any]],
    present: Present,
    *,
    prune: bool,
    update_secrets: bool,
) -> list[Change]:
    """The changes, in the order in which they can be made. Raises `InvalidConfiguration`."""
    faults = _faults(declared, present)
    if faults:
        raise InvalidConfiguration(*faults)
    changes: list[Change] = []
    for kind in KINDS:
        section = declared.get(kind.section)
        if section is None:
            continue
        named = {"organisation": section} if kind.section == "organisation" else section
        for name, members in named.items():
            change = _change(kind, name, members or {}, present, update_secrets)
            if change is not None:
                changes.append(change)
    if prune:
        changes += _removed(declared, present)
    return changes


def _removed(declared: Mapping[str, dict[str, Any]], present: Present) -> list[Change]:
    return [
        Change("remove", kind, name, present.ids[kind.section][name])
        for kind in reversed(KINDS)
        if kind.section in declared and kind.section != "organisation"
        for name in present.members[kind.section]
        if name not in declared[kind.section]
    ]


def _change(
    kind: Kind, name: str, members: dict[str, Any], present: Present, update_secrets: bool
) -> Change | None:
    before = present.members[kind.section].get(name)
    seen = without(members, secret_paths(kind, members))
    if before is None:
        shown = tuple(Difference(member, None, value) for member, value in seen.items())
        shown += tuple(Difference(one, None, SECRET) for one in secret_paths(kind, members))
        return Change("create", kind, name, "", shown, members)
    differences = tuple(
        Difference(member, before.get(member), value)
        for member, value in seen.items()
        if not _same(kind, member, before.get(member), value)
    )
    sent = {one.member: members[one.member] for one in differences}
    if update_secrets or kind.moved_by in sent:
        for path in secret_paths(kind, members):
            first = path.partition(".")[0]
            sent[first] = members[first]
            differences += (Difference(path, SECRET, "(sent again)"),)
    if not differences:
        return None
    if kind.by_path:
        sent = members
    identifier = present.ids.get(kind.section, {}).get(name, "")
    return Change("change", kind, name, identifier, differences, sent)


def _same(kind: Kind, member: str, before: Any, after: Any) -> bool:
    if member == "rules" and _teams(before) != _teams(after):
        return False
    if member == "rules":
        before, after = _without_teams(before), _without_teams(after)
    if member == "settings" and isinstance(after, dict) and isinstance(before, dict):
        # A channel's settings are changed one by one, and the secret ones are not shown.
        return all(before.get(name) == value for name, value in after.items())
    return bool(normal(kind, member, before) == normal(kind, member, after))


def _faults(declared: Mapping[str, dict[str, Any]], present: Present) -> list[str]:
    faults: list[str] = []
    for kind in KINDS:
        section = declared.get(kind.section)
        if section is None:
            continue
        named = {"organisation": section} if kind.section == "organisation" else section
        for name, members in named.items():
            place = kind.section if kind.section == "organisation" else f"{kind.section}.{name}"
            if name in present.ambiguous.get(kind.section, ()):
                faults.append(f"{place}: several are named so; rename or revoke all but one")
                continue
            given = dict(members or {})
            for one in kind.references:
                faults += _reference_faults(
                    place, one, given.pop(one.member, None), declared, present
                )
            if kind.section == "aliases":
                given["rules"] = _without_teams(given.get("rules"))
            faults += faults_of(kind, place, given)
            faults += _kept_faults(
                kind, place, members or {}, present.members[kind.section].get(name)
            )
    return faults


def _without_teams(rules: Any) -> Any:
    if not isinstance(rules, list):
        return rules
    return [
        rule | {"when": {name: one for name, one in rule["when"].items() if name != "teams"}}
        if isinstance(rule, dict) and isinstance(rule.get("when"), dict)
        else rule
        for rule in rules
    ]


def _teams(rules: Any) -> list[Any]:
    """Of each rule the teams, which are names here and so no ids that the API's model takes."""
    return [(rule.get("when") or {}).get("teams") or [] for rule in rules]


def _reference_faults(
    place: str, reference: Any, value: Any, declared: Mapping[str, Any], present: Present
) -> list[str]:
    if value is None:
        return []
    names = value if reference.many else [value]
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        return [f"{place}.{reference.member}: must be " + ("names" if reference.many else "a name")]
    if not reference.kind:
        return []
    known = {*declared.get(reference.kind, {}), *present.ids.get(reference.kind, {})}
    return [
        f"{place}.{reference.member}: there is no {one!r} among the {reference.kind}, and the file "
        "declares none"
        for one in names
        if one not in known
    ]


def _kept_faults(
    kind: Kind, place: str, members: dict[str, Any], before: dict[str, Any] | None
) -> list[str]:
    if before is None:
        return []
    return [
        f"{place}.{name}: cannot be changed from {before[name]!r}: give it another name, or remove "
        "it first"
        for name in kind.kept
        if name in members and members[name] != before[name]
    ]
