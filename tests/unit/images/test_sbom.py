"""images/sbom.py, the image's bill of materials."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIGEST = "a" * 64
LOCK = f"""alpha==1.0 \\
    --hash=sha256:{DIGEST} \\
    --hash=sha256:{"b" * 64}
    # via relay
Beta_Package==2.1 ; sys_platform == 'linux' \\
    --hash=sha256:{"c" * 64}
"""


def _install(root, name, version, *lines):
    info = root / "lib/python3.11/site-packages" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(head + "".join(f"{line}\n" for line in lines))


@pytest.fixture
def environment(tmp_path):
    root = tmp_path / "environment"
    _install(root, "relay", "0.1", "License-Expression: MIT", "Requires-Dist: alpha>=1")
    _install(root, "alpha", "1.0", "License: BSD", "Requires-Dist: beta-package[more]>=2; x == 'y'")
    _install(root, "Beta_Package", "2.1")
    return root


def _run(environment, lock, *options):
    (environment.parent / "lock.txt").write_text(lock)
    command = [sys.executable, str(ROOT / "images/sbom.py"), "--environment", str(environment)]
    command += ["--lock", str(environment.parent / "lock.txt"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_names_what_is_installed_with_hashes_licences_and_dependencies(environment):
    done = _run(environment, LOCK)
    document = json.loads(done.stdout)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["licenses"] == [{"expression": "MIT"}]
    alpha, beta = document["components"]
    assert alpha["purl"] == "pkg:pypi/alpha@1.0"
    assert alpha["licenses"] == [{"license": {"name": "BSD"}}]
    assert {"alg": "SHA-256", "content": DIGEST} in alpha["hashes"]
    assert len(alpha["hashes"]) == 2
    assert beta["purl"] == "pkg:pypi/beta-package@2.1"
    depends = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    assert depends["pkg:pypi/relay@0.1"] == ["pkg:pypi/alpha@1.0"]
    assert depends["pkg:pypi/alpha@1.0"] == ["pkg:pypi/beta-package@2.1"]


def test_a_lock_may_name_a_version_for_each_python(environment):
    other = "alpha==2.0 ; python_full_version >= '3.12' \\\n    --hash=sha256:" + "d" * 64 + "\n"
    for lock in (LOCK + other, other + LOCK):
        done = _run(environment, lock)
        alpha = json.loads(done.stdout)["components"][0]
        assert alpha["version"] == "1.0"
        assert {one["content"] for one in alpha["hashes"]} == {DIGEST, "b" * 64}


def test_the_same_environment_has_the_same_document(environment):
    assert _run(environment, LOCK).stdout == _run(environment, LOCK).stdout


@pytest.mark.parametrize(
    ("lock", "complaint"),
    [
        (LOCK.replace("alpha", "gamma"), "alpha is installed, but not in the lock"),
        (LOCK.replace("1.0", "1.1"), "alpha 1.0 is installed, 1.1 is locked"),
    ],
)
def test_what_is_not_locked_is_an_error(environment, lock, complaint):
    done = _run(environment, lock)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_other_packages_can_be_left_out(environment):
    _install(environment, "pytest", "9")
    assert _run(environment, LOCK).returncode == 1
    document = json.loads(_run(environment, LOCK, "--locked-only").stdout)
    assert len(document["components"]) == 2
