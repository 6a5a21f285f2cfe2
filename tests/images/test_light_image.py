"""What docs/images.md says of the light image, asked of the image itself."""

import gzip
import json
import os.path
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.images.containers import DOCKER, docker, run
from tests.support.processes import ROOT

pytestmark = pytest.mark.images

MIB = 1024 * 1024
COMPRESSED_MB_MAX = 60
FUNCTIONS = ("relay", "key_admin", "usage_aggregation", "cleanup", "notifications", "exporter")
# PEP 552: the flags of a .pyc that is never compared with its source.
UNCHECKED_HASH = 1
_BYTECODE = """
import importlib.util, json, pathlib, sys, sysconfig
roots = [pathlib.Path(sysconfig.get_path("stdlib")), pathlib.Path(sys.prefix) / "lib"]
missing, flags = [], set()
for root in roots:
    for source in root.rglob("*.py"):
        cached = pathlib.Path(importlib.util.cache_from_source(str(source)))
        if "site-packages" in str(source.relative_to(root)) and root is roots[0]:
            continue
        if not cached.exists():
            missing.append(str(source))
            continue
        head = cached.read_bytes()[:8]
        assert head[:4] == importlib.util.MAGIC_NUMBER, cached
        flags.add(int.from_bytes(head[4:], "little"))
print(json.dumps({"missing": missing, "flags": sorted(flags)}))
"""


@pytest.fixture(scope="module")
def inspected(image):
    return json.loads(docker("image", "inspect", image))[0]["Config"]


def test_it_runs_without_root_and_without_a_shell(inspected):
    assert inspected["User"] == "65532:65532"
    assert inspected["StopSignal"] == "SIGTERM"
    assert inspected["Entrypoint"] is None
    assert inspected["Cmd"][:3] == ["python", "-m", "common.serve"]


def test_its_labels_say_what_it_is(inspected, base_image):
    labels = inspected["Labels"]
    prefix = "org.opencontainers.image."
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert labels[f"{prefix}version"] == version[1]
    assert re.fullmatch(r"[0-9a-f]{40}(-modified)?|unknown", labels[f"{prefix}revision"])
    assert labels[f"{prefix}title"] == "relay"
    assert labels[f"{prefix}licenses"] == "MIT"
    assert labels[f"{prefix}base.name"] == base_image
    assert labels[f"{prefix}source"]


def test_nothing_of_the_build_machine_is_in_it(image, inspected):
    names = {variable.partition("=")[0] for variable in inspected["Env"]}
    assert not {name for name in names if name.startswith("PIP_") or "PROXY" in name.upper()}
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "PIP_INDEX" not in history
    probe = "import glob; print(glob.glob('/run/secrets/*') + glob.glob('/src/*'))"
    assert run(image, "python", "-c", probe) == "[]\n"


def test_all_bytecode_is_there_and_never_checked_again(image):
    found = json.loads(run(image, "python", "-c", _BYTECODE))
    assert found == {"missing": [], "flags": [UNCHECKED_HASH]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_compiles_nothing_at_its_start(image, function):
    command = ["python", "-v", "-c", f"import common.serve, functions.{function}.main"]
    done = subprocess.run(
        [DOCKER, "run", "--rm", "--read-only", "--network", "none", image, *command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    read = re.findall(r"^# code object from '?(\S+?)'?$", done.stderr, re.MULTILINE)
    assert any(name.endswith(".pyc") and "/functions/" in name for name in read)
    assert [name for name in read if not name.endswith(".pyc")] == []


def test_modules_come_from_the_image_only(image):
    path = run(image, "python", "-c", "import sys; print(sys.path)")
    assert "''" not in path
    assert "/app" not in path


def test_no_installer_is_left(image):
    probe = "import importlib.util as i; print([n for n in {} if i.find_spec(n)])"
    names = ["pip", "setuptools", "ensurepip", "tkinter", "idlelib", "test"]
    assert run(image, "python", "-c", probe.format(names)) == "[]\n"


def test_root_and_sources_are_not_writable(image):
    probe = "import os; print([p for p in ('/', '/app', '/opt/relay', '/etc') if os.access(p, 2)])"
    done = docker("run", "--rm", "--network", "none", image, "python", "-c", probe)
    assert done == "[]\n"
    assert run(image, "python", "-c", "open('/tmp/x', 'w').write('1')") == ""


def test_relayctl_is_there_with_its_migrations_and_prices(image):
    assert "migrate" in run(image, "relayctl", "--help")
    probe = (
        "import common, pathlib; r = pathlib.Path(common.__file__).parent; "
        "print(sorted({f.suffix for f in r.rglob('*') if f.suffix != '.pyc'} - {''}))"
    )
    assert run(image, "python", "-c", probe) == "['.json', '.lua', '.py', '.sql']\n"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_wrong_setting_is_named(image, function):
    target = f"functions.{function}.main:application"
    done = subprocess.run(
        [DOCKER, "run", "--rm", "--read-only", "--network", "none", image,
         "python", "-m", "common.serve", target],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "RELAY_REDIS_URL is not set" in done.stderr


def test_the_bill_of_materials_is_what_is_installed(image):
    document = json.loads(run(image, "cat", "/opt/relay/sbom.cdx.json"))
    probe = (
        "import importlib.metadata as m, json; "
        "print(json.dumps(sorted((d.name.lower().replace('_', '-'), d.version)"
        " for d in m.distributions())))"
    )
    installed = {tuple(one) for one in json.loads(run(image, "python", "-c", probe))}
    told = {(one["name"], one["version"]) for one in document["components"]}
    own = document["metadata"]["component"]
    assert installed == told | {(own["name"], own["version"])}
    assert all(one["hashes"] for one in document["components"])


def test_it_is_small_over_its_base(image, base_image, tmp_path, capsys):
    over = _layers(image, tmp_path)[len(_layers(base_image, tmp_path)) :]
    total = sum(over) / 1e6
    with capsys.disabled():
        sizes = " + ".join(f"{size / 1e6:.1f}" for size in over)
        print(f"\nlight image: {total:.1f} MB compressed over its base ({sizes})")
    assert total <= COMPRESSED_MB_MAX


def test_the_image_for_development_takes_new_sources(dev_image):
    probe = (
        "import pathlib, subprocess, sys, common.caller as c; f = pathlib.Path(c.__file__); "
        "f.write_text(f.read_text() + '\\nNEW = 1\\n'); "
        "print(subprocess.run([sys.executable, '-c', "
        "'import common.caller as c; print(c.NEW)'], capture_output=True, text=True).stdout)"
    )
    assert docker("run", "--rm", "--network", "none", dev_image, "python", "-c", probe) == "1\n\n"


def _layers(image, directory):
    """The compressed size of each layer, as a registry would hold it."""
    archive = directory / "image.tar"
    docker("save", "--output", str(archive), image)
    sizes = []
    with tarfile.open(archive) as saved:
        manifest = json.load(saved.extractfile("manifest.json"))
        for name in manifest[0]["Layers"]:
            member = saved.getmember(name)
            if member.issym():  # a layer that two images share is stored once
                member = saved.getmember(os.path.normpath(f"{Path(name).parent}/{member.linkname}"))
            sizes.append(len(gzip.compress(saved.extractfile(member).read(), 6)))
    archive.unlink()
    return sizes
