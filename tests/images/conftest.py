"""The image under test, built once; TEST_IMAGE names one that is there already."""

import os
import subprocess

import pytest

from tests.images.containers import DOCKER, docker
from tests.support.processes import ROOT

STAND_IN = "relay-stand-in:bookworm"
_GIVEN = os.environ.get("TEST_IMAGE", "")
_BASE = os.environ.get("BASE_IMAGE", STAND_IN)


@pytest.fixture(scope="session")
def base_image():
    """The Python base that the image is built on."""
    docker("version")
    if _BASE == STAND_IN:
        _to_end(str(ROOT / "tests/images/stand_in_base"))
    return _BASE


@pytest.fixture(scope="session")
def image(base_image):
    """The light image."""
    return _GIVEN or _built(base_image, "relay", "relay:test")


@pytest.fixture(scope="session")
def dev_image(image, base_image):
    """The image of `skaffold dev`."""
    return _built(base_image, "dev", "relay-dev:test")


@pytest.fixture(scope="session")
def pii_image(base_image):
    """The image of the function `pii`."""
    return _built(base_image, "pii", "relay-pii:test")


@pytest.fixture(scope="session")
def edge_image():
    """An image with nginx."""
    if given := os.environ.get("EDGE_IMAGE"):
        return given
    _to_end(str(ROOT / "tests/images/stand_in_base"))
    return STAND_IN


def _built(base_image, target, name):
    options = os.environ.get("DOCKER_BUILD_OPTIONS", "--network host")
    _to_end(
        str(ROOT / "images/build"), target, BASE_IMAGE=base_image, TAG="test", IMAGE="relay",
        DOCKER_BUILD_OPTIONS=options,
    )  # fmt: skip
    return name


def _to_end(*command, **environment):
    environment = {**os.environ, "DOCKER": DOCKER, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
