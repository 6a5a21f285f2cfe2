"""Fixtures of the chart's tests."""

import shutil

import pytest

from tests.support.chart import CHART


@pytest.fixture
def chart_copy(tmp_path):
    """A chart that may be written to, with its own name as Helm's lint wants it."""
    copy = tmp_path / "relay"
    shutil.copytree(CHART, copy)
    return copy
