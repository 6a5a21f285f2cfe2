"""Makes what follows from the chart's values: `make chart`.

`helm/relay/values.yaml` is the one source. From its comments (`# --` describes a key, `# @schema`
is merged into the key's schema) come `values.schema.json`, which refuses every key that is not
there, the tables in `README.md`, and `files/defaults.yaml`, which completes the values of a release
upgraded with `--reuse-values`. `files/newest-migration` is part of the migration Job's name.
tests/chart fails when any of it is not up to date.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "relay"
SEED_VALUES = ROOT / "tests" / "chart" / "seeds" / "values.yaml"
_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z0-9_./-]+):")
_QUANTITY = r"^[0-9]+(\.[0-9]+)?([EPTGMk]i?|m)?$"
_TEXT = {"type": ["string", "number", "boolean"]}
_QUANTITIES = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number"], "pattern": _QUANTITY},
}
_ONE_HOST = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "host": {"type": "string"},
        "paths": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": "^/"},
                    "pathType": {"enum": ["Exact", "Prefix", "ImplementationSpecific"]},
                },
            },
        },
    },
}
_DEFINITIONS: dict[str, Any] = {
    "text": _TEXT,
    "texts": {"type": "object", "additionalProperties": _TEXT},
    "objects": {"type": "array", "items": {"type": "object"}},
    "names": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string"}},
        },
    },
    "quantity": {"type": ["string", "number"], "pattern": _QUANTITY},
    "duration": {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"},
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "requests": _QUANTITIES,
            "limits": _QUANTITIES,
            "claims": {"type": "array", "items": {"type": "object"}},
        },
    },
    "hosts": {"type": "array", "items": _ONE_HOST},
    "tls": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "secretName": {"type": "string"},
                "hosts": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}


class Comment:
    """What stands above a key."""

    def __init__(self, lines: list[str]) -> None:
        described = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
        self.description = " ".join(described)
        written = [line.removeprefix("@schema ") for line in lines if line.startswith("@schema ")]
        self.schema: dict[str, Any] = json.loads(written[0]) if written else {}


def comments(text: str) -> dict[tuple[str, ...], Comment]:
    """The comment of every key of a values file, by path."""
    found, above, path = {}, [], []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            above.append(line.lstrip().removeprefix("# "))
        elif match := _KEY.match(line):
            depth = len(match["indent"]) // 2
            path = [*path[:depth], match["name"]]
            found[tuple(path)] = Comment(above)
            above = []
        else:
            above = []
    return found


def schema_of(value: Any, path: tuple[str, ...], said: dict[tuple[str, ...], Comment]) -> Any:
    """The schema of a key: as its default, as its comment."""
    comment = said.get(path, Comment([]))
    merged: dict[str, Any] = {}
    if comment.description:
        merged["description"] = comment.description
    if "$ref" in comment.schema or "type" in comment.schema:
        return merged | comment.schema
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    merged["type"] = kinds[type(value)]
    if isinstance(value, dict):
        merged["additionalProperties"] = False
        properties = {name: schema_of(one, (*path, name), said) for name, one in value.items()}
        if not comment.schema.get("subchart") and properties:
            merged["properties"] = properties
    merged |= {name: one for name, one in comment.schema.items() if name != "subchart"}
    if "enum" in merged:
        del merged["type"]
    return merged


def schema(values: Path) -> str:
    """values.schema.json for a values file."""
    text = values.read_text()
    made = schema_of(yaml.safe_load(text), (), comments(text))
    monitor = made["properties"].get("serviceMonitor")
    definitions = _DEFINITIONS | ({"serviceMonitor": monitor} if monitor else {})
    whole = {"$schema": "http://json-schema.org/draft-07/schema#"} | made | {"$defs": definitions}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def rows(values: Path, prefix: str = "") -> list[str]:
    """The table of a values file: one row a key that has a description."""
    text = values.read_text()
    defaults = yaml.safe_load(text)
    made = []
    for path, comment in comments(text).items():
        if not comment.description or (comment.schema.get("subchart")):
            continue
        value = defaults
        for name in path:
            value = value[name]
        shown = json.dumps(value, ensure_ascii=False)
        made.append(f"| `{prefix}{'.'.join(path)}` | `{shown}` | {_cell(comment.description)} |")
    return made


def values_table() -> str:
    """All values, those of the stores behind them."""
    made = rows(CHART / "values.yaml")
    for name in ("postgresql", "redis"):
        made = [row for row in made if not row.startswith(f"| `{name}.")]
        found = rows(CHART / "charts" / name / "values.yaml", f"{name}.")
        made += [row for row in found if f"`{name}.global`" not in row]
    return "\n".join(["| value | default | what it does |", "|---|---|---|", *made])


def seed_table() -> str:
    """The values of the two charts that users come from, and what they are here."""
    made = ["| value | its default there | here | what it becomes | test | why it differs |"]
    made.append("|---|---|---|---|---|---|")
    for row in yaml.safe_load(SEED_VALUES.read_text()):
        there = "none given" if "seed" not in row else f"`{json.dumps(row['seed'])}`"
        later = " (later)" if row.get("later") else ""
        cells = [
            f"`{row['key']}`",
            there,
            f"`{json.dumps(row['ours'])}`",
            row["becomes"] + later,
            f"`{row['test']}`",
            row.get("reason", ""),
        ]
        made.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(made)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def readme() -> str:
    """README.md with its tables made anew."""
    text = (CHART / "README.md").read_text()
    for name, table in (("values", values_table()), ("seeds", seed_table())):
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def newest_migration() -> str:
    """The name of the newest migration."""
    found = sorted((ROOT / "common" / "store" / "migrations").glob("*.sql"))
    return f"{found[-1].stem}\n"


def outputs() -> dict[Path, str]:
    """Every file that is made, and what it must hold."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    made = {
        CHART / "values.schema.json": schema(CHART / "values.yaml"),
        CHART / "files" / "defaults.yaml": yaml.safe_dump(defaults, sort_keys=False),
        CHART / "files" / "newest-migration": newest_migration(),
        CHART / "README.md": readme(),
    }
    for name in ("postgresql", "redis"):
        folder = CHART / "charts" / name
        made[folder / "values.schema.json"] = schema(folder / "values.yaml")
    return made


def main() -> None:
    """Write what is not up to date."""
    for path, text in outputs().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"made {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
