"""The file of `relayctl apply`: YAML or JSON, read strictly, with secrets from elsewhere.

`{env: NAME}` and `{file: PATH}` stand for a secret wherever one belongs; no secret stands in the
file itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from common.settings import variable

VERSION = 1
_REFERENCES = ("env", "file")


class InvalidConfiguration(Exception):
    """The file is not what it must be; each line names a place and says what to do."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n  ".join(lines))
        self.lines = lines


class _Loader(yaml.SafeLoader):
    """Without two members of one name, and with times as they are written."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class above has it
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As YAML says, which most readers forget: each name once."""
        seen = set()
        for name, _ in node.value:
            value = self.construct_object(name, deep=True)
            if value in seen:
                line = name.start_mark.line + 1
                raise InvalidConfiguration(f"line {line}: {value!r} stands there twice")
            seen.add(value)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def read_configuration(text: str, sections: tuple[str, ...]) -> dict[str, Any]:
    """The sections of the file, by name. Raises `InvalidConfiguration`."""
    try:
        # A subclass of the safe loader.
        found = yaml.load(text, _Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise InvalidConfiguration(f"it is no YAML: {error}") from None
    if not isinstance(found, dict):
        raise InvalidConfiguration(f"it must be a map of sections: {', '.join(sections)}")
    version = found.pop("version", None)
    if version != VERSION:
        raise InvalidConfiguration(f"version: must be {VERSION}")
    wrong = [
        f"{name}: is no section; there are {', '.join(sections)}"
        for name in found
        if name not in sections
    ]
    wrong += [
        f"{name}: must be a map"
        for name, section in found.items()
        if name in sections and not isinstance(section, dict | None)
    ]
    for name, section in found.items():
        if name in sections and name != "organisation" and isinstance(section, dict):
            wrong += [
                f"{name}: {one!r} must be a name in quotes, or not be there"
                for one in section
                if not isinstance(one, str)
            ]
            wrong += [
                f"{name}.{one}: must be a map of members"
                for one, members in section.items()
                if not isinstance(members, dict | None)
            ]
    if wrong:
        raise InvalidConfiguration(*wrong)
    return {name: section or {} for name, section in found.items()}


def is_reference(value: Any) -> bool:
    """Whether a value says where a secret is."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _REFERENCES


def resolved(value: Any, place: str, directory: Path) -> Any:
    """The value with the secrets in the place of references. Raises `InvalidConfiguration`.

    Files are found from `directory`, where the configuration is; of them the line's end is cut.
    """
    if is_reference(value):
        ((kind, name),) = value.items()
        if not isinstance(name, str):
            raise InvalidConfiguration(f"{place}.{kind}: must be a name")
        return _from_variable(name, place) if kind == "env" else _from_file(directory / name, place)
    if isinstance(value, dict):
        return {name: resolved(one, f"{place}.{name}", directory) for name, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, f"{place}[{at}]", directory) for at, one in enumerate(value)]
    return value


def _from_variable(name: str, place: str) -> str:
    if value := variable(name):
        return value
    raise InvalidConfiguration(f"{place}: the variable {name} is not set")


def _from_file(path: Path, place: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{place}: {path} cannot be read: {error}") from None
    if not text:
        raise InvalidConfiguration(f"{place}: {path} is empty")
    return text
