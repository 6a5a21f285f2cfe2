"""The forms of routing: a level's rules, a group's accounts, an alias's rules in rows. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from functions.key_admin.console.drafts import Read, Values
from functions.key_admin.console.forms import figure

Level = Literal["organisation", "team", "key"]
# Rows that are there to be filled in.
BLANK_ROWS = 2
ROWS_MAX = 200
CONDITIONS = (
    *("teams", "tags", "headers", "input_tokens_min", "input_tokens_max", "tools", "images"),
)
_ROW = re.compile(r"(\w+)\[(\d{1,3})\]\.(.+)")
_ANSWERS = {"true": True, "false": False}


class LevelDraft:
    """What organisation, team or key is bound to, and the models that stand in."""

    is_patched = True

    def __init__(self, level: Level, twice: str) -> None:
        self._level = level
        # The words for a model that two rows name.
        self._twice = twice

    def values(self, thing: Mapping[str, Any]) -> Values:
        """`binding` is `account:ID` or `group:ID`."""
        found = {"regions": "\n".join(thing["regions"])}
        if self._level != "organisation":
            bound = [(kind, thing[f"{kind}_id"]) for kind in ("account", "group")]
            found["binding"] = next((f"{kind}:{one}" for kind, one in bound if one), "")
        if self._level != "key":
            for place, (model, others) in enumerate(thing["fallbacks"].items()):
                found[f"fallbacks[{place}].model"] = model
                found[f"fallbacks[{place}].instead"] = ", ".join(others)
        return found

    def typed(self, form: Mapping[str, str]) -> Values:
        """As the form's rows are numbered."""
        names = {"regions", "binding"} if self._level != "organisation" else {"regions"}
        found = {name: form.get(name, "").strip() for name in sorted(names)}
        return found | rows_of(form, "fallbacks") if self._level != "key" else found

    def read(self, values: Values) -> Read:
        """A row that is blank is none."""
        body: dict[str, Any] = {"regions": lines(values.get("regions", ""))}
        errors: dict[str, str] = {}
        if self._level != "organisation":
            kind, _, bound = values.get("binding", "").partition(":")
            body["account_id"] = bound if kind == "account" else None
            body["group_id"] = bound if kind == "group" else None
        if self._level != "key":
            body["fallbacks"] = {}
            for place in places(values, "fallbacks"):
                model = values.get(f"fallbacks[{place}].model", "").strip()
                others = lines(values.get(f"fallbacks[{place}].instead", ""))
                if not model and not others:
                    continue
                if model in body["fallbacks"]:
                    errors[f"fallbacks[{place}].model"] = self._twice
                body["fallbacks"][model] = others
        return Read(body, errors)

    def field(self, path: str, values: Values) -> str:
        """A row by the model that it names."""
        if path in ("account_id", "group_id"):
            return "binding"
        if path.startswith("regions"):
            return "regions"
        for place in places(values, "fallbacks"):
            model = f"fallbacks.{values.get(f'fallbacks[{place}].model', '').strip()}"
            if path == model and values.get(f"fallbacks[{place}].instead", "").strip():
                return f"fallbacks[{place}].model"
            if path == model or path.startswith(f"{model}["):
                return f"fallbacks[{place}].instead"
        return ""


class GroupDraft:
    """A group: a box for each account, ticked for its own."""

    is_patched = True

    def values(self, thing: Mapping[str, Any]) -> Values:
        """One field for each account that is in it."""
        members = {f"account_ids.{one}": "on" for one in sorted(thing["account_ids"])}
        return {"name": thing["name"]} | members

    def typed(self, form: Mapping[str, str]) -> Values:
        """Only boxes that are ticked are sent."""
        ticked = sorted(name for name in form if name.startswith("account_ids."))
        return {"name": form.get("name", "").strip()} | dict.fromkeys(ticked, "on")

    def read(self, values: Values) -> Read:
        """Accounts by their ids' order: a group has none of its own."""
        ids = [name.partition(".")[2] for name in values if name.startswith("account_ids.")]
        return Read({"name": values.get("name", ""), "account_ids": sorted(ids)}, {})

    def field(self, path: str, values: Values) -> str:
        """What is wrong with an account is said above all boxes."""
        del values
        return "account_ids" if path.startswith("account_ids") else path


class AliasDraft:
    """An alias's rules, each a row of fields. `teams` are names by their ids."""

    is_patched = False

    def __init__(self, teams: Mapping[str, str], twice: str, no_models: str) -> None:
        self._names = teams
        self._ids = {name: one for one, name in reversed(list(teams.items()))}
        # The words for a model that two lines name, and for a rule that names none.
        self._twice = twice
        self._no_models = no_models

    def values(self, thing: Mapping[str, Any]) -> Values:
        """Models as lines `model = weight`, conditions each in a field."""
        found: Values = {}
        for place, rule in enumerate(thing["rules"]):
            at, when = f"rules[{place}]", rule["when"]
            models = rule["models"].items()
            found[f"{at}.models"] = "\n".join(
                f"{name} = {weight}" if len(models) > 1 else name for name, weight in models
            )
            found[f"{at}.when.teams"] = "\n".join(self._shown(one) for one in when["teams"])
            found[f"{at}.when.tags"] = "\n".join(when["tags"])
            headers = when["headers"].items()
            found[f"{at}.when.headers"] = "\n".join(f"{name}: {value}" for name, value in headers)
            for name in ("input_tokens_min", "input_tokens_max"):
                found[f"{at}.when.{name}"] = "" if when[name] is None else str(when[name])
            for name in ("tools", "images"):
                said = {None: "", True: "true", False: "false"}
                found[f"{at}.when.{name}"] = said[when[name]]
        return found

    def typed(self, form: Mapping[str, str]) -> Values:
        """As the form's rows are numbered."""
        return rows_of(form, "rules")

    def read(self, values: Values) -> Read:
        """A row that is blank is none."""
        rules: list[dict[str, Any]] = []
        errors: dict[str, str] = {}
        filled = self._filled(values)
        for place in filled or (places(values, "rules") or [0])[:1]:
            at = f"rules[{place}]"
            if not values.get(f"{at}.models", "").strip():
                errors[f"{at}.models"] = self._no_models
            models: dict[str, Any] = {}
            for line in lines(values.get(f"{at}.models", "")):
                name, weight = _weighted(line)
                if name in models:
                    errors[f"{at}.models"] = self._twice
                models[name] = weight
            rules.append({"models": models, "when": self._when(values, f"{at}.when")})
        return Read({"rules": rules}, errors)

    def field(self, path: str, values: Values) -> str:
        """Rules that are blank were not sent, so those that were have other numbers."""
        found = _ROW.fullmatch(path)
        filled = self._filled(values)
        if found is None or int(found[2]) >= len(filled):
            return ""
        at = f"rules[{filled[int(found[2])]}]"
        if not found[3].startswith("when."):
            return f"{at}.models"
        condition = re.split(r"[.\[]", found[3].removeprefix("when."))[0]
        return f"{at}.when.{condition}"

    def _filled(self, values: Values) -> list[int]:
        return [
            place
            for place in places(values, "rules")
            if any(text for name, text in values.items() if name.startswith(f"rules[{place}]."))
        ]

    def _when(self, values: Values, at: str) -> dict[str, Any]:
        given = {name: values.get(f"{at}.{name}", "").strip() for name in CONDITIONS}
        found: dict[str, Any] = {}
        for name in ("teams", "tags"):
            if given[name]:
                found[name] = [one.strip() for one in given[name].splitlines() if one.strip()]
        if "teams" in found:
            found["teams"] = [self._ids.get(one, one) for one in found["teams"]]
        if given["headers"]:
            pairs = [line.partition(":") for line in given["headers"].splitlines() if line.strip()]
            found["headers"] = {name.strip(): value.strip() for name, _, value in pairs}
        for name in ("input_tokens_min", "input_tokens_max"):
            if given[name]:
                found[name] = figure(given[name])
        for name in ("tools", "images"):
            if given[name]:
                found[name] = _ANSWERS.get(given[name], given[name])
        return found

    def _shown(self, team_id: str) -> str:
        name = self._names.get(team_id, "")
        return name if self._ids.get(name) == team_id else team_id


def lines(text: str) -> list[str]:
    """What stands on lines of their own, or between commas."""
    return [one.strip() for one in re.split(r"[\n,]", text) if one.strip()]


def rows_of(form: Mapping[str, str], member: str) -> Values:
    """The fields of a member's rows, as they were sent."""
    return {
        name: text.replace("\r\n", "\n").strip()
        for name, text in form.items()
        if (found := _ROW.fullmatch(name)) and found[1] == member and int(found[2]) < ROWS_MAX
    }


def places(values: Mapping[str, str], member: str) -> list[int]:
    """The numbers of a member's rows."""
    found = (_ROW.fullmatch(name) for name in values)
    return sorted({int(one[2]) for one in found if one is not None and one[1] == member})


def acted(values: Values, member: str, act: str) -> tuple[Values, int]:
    """The rows after `up:N`, `down:N`, `remove:N` or `add`, and the one to go on at."""
    order = places(values, member)
    what, _, number = act.partition(":")
    place = figure(number)
    at = order.index(place) if isinstance(place, int) and place in order else -1
    if at >= 0 and what == "remove":
        del order[at]
        to = max(at - 1, 0)
    elif at >= 0 and what in ("up", "down"):
        to = min(max(at + (1 if what == "down" else -1), 0), len(order) - 1)
        order.insert(to, order.pop(at))
    else:
        order.append(-1)
        to = len(order) - 1
    moved = {f"{member}[{old}].": f"{member}[{new}]." for new, old in enumerate(order)}
    found = {name: text for name, text in values.items() if not name.startswith(f"{member}[")}
    for name, text in values.items():
        for old, new in moved.items():
            if name.startswith(old):
                found[new + name.removeprefix(old)] = text
    return found, to


def _weighted(line: str) -> tuple[str, Any]:
    name, equals, weight = line.rpartition("=")
    if not equals:
        return line, 1
    return name.strip(), figure(weight.strip())
