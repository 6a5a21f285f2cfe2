"""What is in the image, as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/).

    python images/sbom.py --lock requirements/runtime.txt --environment DIRECTORY [...]

Each distribution that is really installed, with the hashes that the lock allows for it. Nothing in
the document depends on when or where it was made: the same image has the same document. Ends with
an error when something is installed that the lock does not name.
"""

import argparse
import json
import re
import sys
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

APPLICATION = "relay"
_LOCKED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def document(installed: Iterable[Distribution], lock: str) -> dict[str, Any]:
    """The document. Raises `ValueError` naming what is not locked, or locked otherwise."""
    by_name = {_normal(one.metadata["Name"]): one for one in installed}
    application = by_name.pop(APPLICATION)
    locked = _locked(lock)
    for name, one in by_name.items():
        if name not in locked:
            raise ValueError(f"{name} is installed, but not in the lock")
        if one.version not in locked[name]:
            named = " or ".join(locked[name])
            raise ValueError(f"{name} {one.version} is installed, {named} is locked")
    components = [
        _component(one, "library")
        | {
            "hashes": [
                {"alg": "SHA-256", "content": digest} for digest in locked[name][one.version]
            ]
        }
        for name, one in sorted(by_name.items())
    ]
    dependencies = [
        {"ref": _reference(one), "dependsOn": sorted(_requires(one, by_name))}
        for _, one in sorted([*by_name.items(), (APPLICATION, application)])
    ]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(application, "application")},
        "components": components,
        "dependencies": dependencies,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {"serialNumber": f"urn:uuid:{serial}"} | content


def _locked(lock: str) -> dict[str, dict[str, list[str]]]:
    """Name to versions, of which a Python takes one, to hashes; the lock is in pip's format."""
    locked: dict[str, dict[str, list[str]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if match := _LOCKED.match(block):
            versions = locked.setdefault(_normal(match["name"]), {})
            versions[match["version"]] = sorted(_HASH.findall(block))
    return locked


def _component(one: Distribution, kind: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": _reference(one),
        "name": _normal(one.metadata["Name"]),
        "version": one.version,
        "purl": _reference(one),
    }
    # PEP 639 has an SPDX expression; older metadata has words of the author's own.
    if expression := one.metadata.get("License-Expression"):
        component["licenses"] = [{"expression": expression}]
    elif (words := one.metadata.get("License")) and "\n" not in words:
        component["licenses"] = [{"license": {"name": words}}]
    return component


def _requires(one: Distribution, installed: dict[str, Distribution]) -> set[str]:
    found = (_REQUIREMENT.match(line) for line in one.requires or ())
    names = {_normal(match[0]) for match in found if match}
    return {_reference(installed[name]) for name in names & installed.keys()}


def _reference(one: Distribution) -> str:
    return f"pkg:pypi/{_normal(one.metadata['Name'])}@{one.version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Print the document of the environments named on the command line."""
    parser = argparse.ArgumentParser(description="CycloneDX document of installed packages.")
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--environment", type=Path, action="append", required=True)
    parser.add_argument(
        "--locked-only", action="store_true", help="leave out what is not in the lock"
    )
    options = parser.parse_args()
    paths = [
        str(packages)
        for environment in options.environment
        for packages in environment.glob("lib/python3*/site-packages")
    ]
    try:
        lock = options.lock.read_text()
        installed = distributions(path=paths)
        if options.locked_only:
            wanted = {APPLICATION, *_locked(lock)}
            installed = (one for one in installed if _normal(one.metadata["Name"]) in wanted)
        content = document(installed, lock)
    except ValueError as error:
        sys.stderr.write(f"sbom: {error}\n")
        return 1
    sys.stdout.write(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
